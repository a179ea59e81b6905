// The crawl stage: raw pages, web archives and JSONL files → documents.
//
// The input is read in order and cut into parts of about part_bytes; each part becomes part-NNNNN.jsonl.zst
// and drops-NNNNN.jsonl.zst. A finished part is never done again: its end is a place where reading starts.
// While the pages of one part are worked on by all threads, one of them already reads the next.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/artifact/stage.h"
#include "base/core/config.h"
#include "base/core/context.h"

namespace leam::crawl {

struct Config {
  struct Input {
    std::string name, path;
  };
  std::string out = "documents";
  std::vector<Input> inputs;            // in the order of [crawl.inputs]
  std::string date;                     // for `added` of what does not say when it was fetched
  uint64_t min_chars = 1;               // of text; shorter documents are dropped
  uint64_t max_page_bytes = 64u << 20;  // of one page or record; the rest of a longer one is not read
  uint64_t part_bytes = 48u << 20;      // of raw input a part
  double max_broken_share = 0.05;       // of pages; beyond, the stage stops
  double max_replaced_share = 0.05;     // of characters that were none in the page's encoding

  // Reads [crawl] and [crawl.inputs].
  static Result<Config> from(const leam::Config& file);
};

artifact::StagePlan plan(const Config& c);
Result<void> run(const Config& c, Context& ctx);

}  // namespace leam::crawl
