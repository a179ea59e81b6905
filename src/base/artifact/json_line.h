// Writes one JSON object on one line, members in the order of the calls. Text comes out as UTF-8: only
// what JSON demands is escaped, and bytes that are not UTF-8 become U+FFFD, so that the line is always
// valid JSON. The same calls give the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/core/json.h"

namespace leam::artifact {

class JsonLine {
 public:
  explicit JsonLine(size_t reserve) { out_.reserve(reserve); }
  void open() { out_ += '{', first_ = true; }
  void close() { out_ += '}', first_ = false; }
  void key(std::string_view key);  // then value() or open()
  void text(std::string_view key, std::string_view value);
  void text_if(std::string_view key, std::string_view value) {
    if (!value.empty()) text(key, value);
  }
  void number(std::string_view key, double value);  // finite; the shortest form that reads back equal
  void number(std::string_view key, uint64_t value);
  void value(const json::value& value);  // a number that is not finite becomes null
  std::string take() { return std::move(out_); }

 private:
  void quoted(std::string_view text);
  void quoted_valid(std::string_view text);
  std::string out_;
  bool first_ = true;
};

}  // namespace leam::artifact
