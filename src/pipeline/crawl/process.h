// From one item of the input to one line of the output. Private to the stage.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/core/json.h"
#include "pipeline/crawl/crawl.h"
#include "pipeline/crawl/read/input.h"

namespace leam::crawl {

// What a part, or the whole crawl, came to. Kept as JSON from part to part.
struct Counts {
  uint64_t pages = 0, documents = 0, chars = 0, broken = 0, raw_bytes = 0;
  struct PerLanguage {
    uint64_t documents = 0, chars = 0;
  };
  std::map<std::string, PerLanguage> languages;
  std::map<std::string, uint64_t> dropped;  // by rule

  void add(const Counts& other);
  json::object to_json() const;
  static Result<Counts> from_json(const json::object& o, std::string_view where);
};

// Lines of one stretch of items, in order.
struct Lines {
  std::string documents, drops;  // each line with its newline
  Counts counts;
};

class Processor {
 public:
  Processor(const Config& config, const Env& env, const std::vector<InputFile>& files);
  void process(Item& item, Lines& out);

 private:
  void drop(const Item& item, const std::string& rule, double value, double threshold, std::string detail,
            uint64_t chars, Lines& out) const;
  void page(const Item& item, std::string_view bytes, bool decoded, Lines& out);
  void plain_text(const Item& item, std::string_view utf8, ExtractedPage page, Lines& out);
  void document(const Item& item, ExtractedPage&& page, Lines& out);

  const Config& config_;
  const Env& env_;
  const std::vector<InputFile>& files_;
  Extractor extractor_;
};

}  // namespace leam::crawl
