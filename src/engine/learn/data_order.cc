#include "engine/learn/data_order.h"

#include <fmt/format.h>

#include <bit>
#include <vector>

#include "base/core/rng.h"

namespace leam::learn {

uint64_t permute(uint64_t index, uint64_t n, uint64_t seed, uint64_t epoch) {
  bug_if(index >= n, "permute past its end");
  if (n == 1) return 0;
  // Two halves of `half` bits cover n; walking the cycle brings a value past n back in, in fewer than four
  // steps on average. Six rounds (Luby and Rackoff need four for a pseudo-random permutation).
  const int half = (static_cast<int>(std::bit_width(n - 1)) + 1) / 2;
  const uint64_t mask = (uint64_t{1} << half) - 1;
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed) ^ purpose("data order"),
                                       static_cast<uint32_t>(seed >> 32)};
  uint64_t x = index;
  do {
    uint64_t left = x >> half, right = x & mask;
    for (uint32_t round = 0; round < 6; ++round) {
      const auto f = philox({static_cast<uint32_t>(right), static_cast<uint32_t>(right >> 32), round,
                             static_cast<uint32_t>(epoch)},
                            key);
      const uint64_t mixed = left ^ ((uint64_t{f[1]} << 32 | f[0]) & mask);
      left = right;
      right = mixed;
    }
    x = left << half | right;
  } while (x >= n);
  return x;
}

Result<DataOrder> DataOrder::create(const artifact::ShardSet& shards, int64_t T, uint64_t seed) {
  bug_if(T < 1, "windows of no tokens");
  if (shards.tokens() < static_cast<uint64_t>(T) + 1) {
    return Error(ErrorCode::kInvalid, "learn.data",
                 fmt::format("{} tokens are fewer than one window of {} and its target", shards.tokens(), T),
                 "give it more text, or set a smaller [train] context");
  }
  return DataOrder(shards, T, seed);
}

uint64_t DataOrder::position(uint64_t sample) const {
  const uint64_t epoch = sample / windows_;
  const uint64_t window = permute(sample % windows_, windows_, seed_, epoch);
  const uint64_t phase =
      Stream(seed_, purpose("data phase"), epoch).below(0, static_cast<uint64_t>(shards_->tokens()));
  return (phase + window * static_cast<uint64_t>(T_)) % shards_->tokens();
}

Result<nn::Batch> DataOrder::batch(tensor::Memory& memory, uint64_t first, int64_t B) const {
  using tensor::DType;
  using tensor::Tensor;
  const int64_t N = B * T_;
  nn::Batch out{B,
                T_,
                Tensor::empty(memory, {N}, DType::kI32),
                Tensor::empty(memory, {N}, DType::kI32),
                Tensor::empty(memory, {N}, DType::kI32),
                Tensor::empty(memory, {N}, DType::kI32)};
  const uint64_t tokens = shards_->tokens();
  const uint32_t end_of_text = shards_->vocabulary().end_of_text;
  std::vector<uint32_t> window(static_cast<size_t>(T_) + 1);
  for (int64_t b = 0; b < B; ++b) {
    // The window and the token before it, around the circle.
    const uint64_t at = (position(first + static_cast<uint64_t>(b)) + tokens - 1) % tokens;
    const std::span<uint32_t> all(window);
    const auto head = static_cast<size_t>(std::min<uint64_t>(window.size(), tokens - at));
    LEAM_TRY(shards_->read(at, all.first(head)));
    if (head < window.size()) LEAM_TRY(shards_->read(0, all.subspan(head)));
    int32_t start = 0;
    for (int64_t t = 0; t < T_; ++t) {
      const int64_t n = b * T_ + t;
      const uint32_t id = window[static_cast<size_t>(t)];
      if (id == end_of_text) start = static_cast<int32_t>(t);
      out.ids.data<int32_t>()[n] = static_cast<int32_t>(id);
      out.targets.data<int32_t>()[n] = static_cast<int32_t>(window[static_cast<size_t>(t) + 1]);
      out.positions.data<int32_t>()[n] = static_cast<int32_t>(t) - start;
      out.starts.data<int32_t>()[n] = start;
    }
  }
  return out;
}

}  // namespace leam::learn
