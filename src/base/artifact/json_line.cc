#include "base/artifact/json_line.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cmath>
#include <iterator>

namespace leam::artifact {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length of the well-formed UTF-8 sequence at the start of `s`, 0 when there is none (Unicode 15,
// table 3-7).
size_t sequence_length(std::string_view s) {
  const auto at = [&](size_t i) { return i < s.size() ? static_cast<uint8_t>(s[i]) : uint8_t{0}; };
  const auto tail = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
    return at(i) >= low && at(i) <= high;
  };
  const uint8_t b = at(0);
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b <= 0xDF) return tail(1) ? 2 : 0;
  if (b >= 0xE0 && b <= 0xEF) {
    const bool second = b == 0xE0 ? tail(1, 0xA0) : b == 0xED ? tail(1, 0x80, 0x9F) : tail(1);
    return second && tail(2) ? 3 : 0;
  }
  if (b >= 0xF0 && b <= 0xF4) {
    const bool second = b == 0xF0 ? tail(1, 0x90) : b == 0xF4 ? tail(1, 0x80, 0x8F) : tail(1);
    return second && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void JsonLine::key(std::string_view key) {
  if (!first_) out_ += ',';
  first_ = false;
  quoted(key);
  out_ += ':';
}

void JsonLine::text(std::string_view name, std::string_view value) {
  key(name);
  quoted(value);
}

void JsonLine::number(std::string_view name, double value) {
  bug_if(!std::isfinite(value), "a number in a document is not finite");
  key(name);
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonLine::number(std::string_view name, uint64_t value) {
  key(name);
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonLine::value(const json::value& v) {
  switch (v.kind()) {
    case json::kind::object:
      open();
      for (const auto& [name, member] : v.get_object()) {
        key(name);
        value(member);
      }
      close();
      break;
    case json::kind::array: {
      out_ += '[';
      bool first = true;
      for (const json::value& item : v.get_array()) {
        if (!std::exchange(first, false)) out_ += ',';
        value(item);
      }
      out_ += ']';
      break;
    }
    case json::kind::string:
      quoted(v.get_string());
      break;
    case json::kind::double_:
      if (std::isfinite(v.get_double())) {
        fmt::format_to(std::back_inserter(out_), "{}", v.get_double());
      } else {
        out_ += "null";
      }
      break;
    case json::kind::int64:
      fmt::format_to(std::back_inserter(out_), "{}", v.get_int64());
      break;
    case json::kind::uint64:
      fmt::format_to(std::back_inserter(out_), "{}", v.get_uint64());
      break;
    case json::kind::bool_:
      out_ += v.get_bool() ? "true" : "false";
      break;
    case json::kind::null:
      out_ += "null";
      break;
  }
}

void JsonLine::quoted(std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return quoted_valid(text);
  std::string repaired;
  repaired.reserve(text.size() + 16);
  while (!text.empty()) {
    const size_t n = sequence_length(text);
    repaired += n == 0 ? kReplacement : text.substr(0, n);
    text.remove_prefix(n == 0 ? 1 : n);
  }
  quoted_valid(repaired);
}

void JsonLine::quoted_valid(std::string_view text) {
  out_ += '"';
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]]
      continue;
    out_.append(text, done, i - done);
    done = i + 1;
    switch (c) {
      case '"':
        out_ += "\\\"";
        break;
      case '\\':
        out_ += "\\\\";
        break;
      case '\n':
        out_ += "\\n";
        break;
      case '\t':
        out_ += "\\t";
        break;
      case '\r':
        out_ += "\\r";
        break;
      default:
        fmt::format_to(std::back_inserter(out_), "\\u{:04x}", c);
    }
  }
  out_.append(text, done, text.size() - done);
  out_ += '"';
}

}  // namespace leam::artifact
