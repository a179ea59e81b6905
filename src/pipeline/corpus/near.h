// Near duplicates among signed documents, in bounded memory: 16 bytes a document for each band that is being
// sorted, 4 for the clusters.
//
// Documents come in order of priority: of two that are alike the one with the lower number stays. Candidates
// share a band. They are joined into clusters only when their whole signatures are alike, and within a
// cluster a document is dropped only if it is itself like one that stays. So no document is dropped because
// of a chain of resemblances, and the keeper named in drops.jsonl.zst is really similar.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/core/context.h"
#include "pipeline/corpus/minhash.h"

namespace leam::corpus {

struct NearDuplicate {
  uint32_t document = 0, keeper = 0;
  double similarity = 0;  // estimated Jaccard
};

using SignatureOf = std::function<std::span<const uint32_t>(uint32_t document)>;

// Sorted by document. The same for any number of threads.
Result<std::vector<NearDuplicate>> near_duplicates(uint32_t documents, const SignatureOf& signature_of,
                                                   const MinHash& minhash, double threshold, Context& ctx);

}  // namespace leam::corpus
