// Which documents are held out: for each language the first documents in the order of a hash of the seed
// and the id, until their characters reach the language's target. So the choice depends on no other
// document's text, on no order of files and on no number of threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/core/config.h"
#include "base/core/hash.h"
#include "base/core/json.h"

namespace leam::corpus {

struct SplitParams {
  double heldout = 0.02;         // share of a language's characters
  uint64_t min_chars = 20'000;   // at least, so that there is enough to measure on …
  double max_share = 0.2;        // … but never more than this share of a small language
  uint64_t max_chars = 200'000;  // at most, so that measuring stays cheap

  static SplitParams from(Section& corpus);
  json::object to_json() const;
};

// Characters to hold out of a language of `chars`.
uint64_t heldout_target(const SplitParams& p, uint64_t chars);

struct SplitDocument {
  Hash128 id;
  uint64_t chars = 0;
  uint32_t language = 0;
};
// One flag a document.
std::vector<bool> choose_heldout(const SplitParams& p, uint64_t seed,
                                 const std::vector<SplitDocument>& documents);

}  // namespace leam::corpus
