// One line of a JSONL input.
#pragma once

#include <memory>
#include <string_view>

#include "pipeline/crawl/read/input.h"

namespace leam::crawl {

// Reads `text`, or `html` / `content` / `raw_content`, with `url`, `id`, `title`, `created` / `date`,
// `added`, `licence` / `license`, `lang` / `language`, at the top or below `metadata`. Keeps simdjson's
// memory.
class JsonRecordReader {
 public:
  JsonRecordReader();
  ~JsonRecordReader();
  // An error text, "" when `item` is filled.
  std::string read(std::string_view line, Item& item);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leam::crawl
