// Which tokens a step learns from: a pure function of (seed, step), so that a run can be resumed, cut
// differently over machines, or asked what was in step N.
//
// The shards are one circle of tokens (…, document, end-of-text, document, end-of-text, …). Each epoch
// cuts it into windows of T at a phase of its own and visits every window once, in an order of its own.
// In a window the end-of-text before a document is the first token of that document's context: it has
// position 0, and the document does not see what was packed before it. So every row has a target, and a
// model is asked about a whole document by starting it with the end-of-text id.
#pragma once

#include <cstdint>
#include <span>

#include "base/artifact/shards.h"
#include "engine/nn/decoder.h"

namespace leam::learn {

// A keyed permutation of [0, n) by a Feistel network with cycle walking; O(1), no table.
uint64_t permute(uint64_t index, uint64_t n, uint64_t seed, uint64_t epoch);

class DataOrder {
 public:
  // An error if the shards hold fewer than T + 1 tokens.
  static Result<DataOrder> create(const artifact::ShardSet& shards, int64_t T, uint64_t seed);

  uint64_t windows() const { return windows_; }  // an epoch
  int64_t T() const { return T_; }
  // The stream position of the first target of sample `sample` (0, 1, … over the whole run).
  uint64_t position(uint64_t sample) const;
  // B samples from `first` on as one batch.
  Result<nn::Batch> batch(tensor::Memory& memory, uint64_t first, int64_t B) const;

 private:
  DataOrder(const artifact::ShardSet& shards, int64_t T, uint64_t seed)
      : shards_(&shards), T_(T), seed_(seed), windows_(shards.tokens() / static_cast<uint64_t>(T)) {}
  const artifact::ShardSet* shards_;
  int64_t T_;
  uint64_t seed_, windows_;
};

}  // namespace leam::learn
