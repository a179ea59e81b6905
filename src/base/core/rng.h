// Randomness without state: every draw is a pure function of (seed, purpose, step, sample, index), by
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// So a draw does not depend on how many threads or ranks asked before it, and survives a restart.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace leam {

// One Philox4x32-10 block.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// What a draw is for; two purposes never share a stream.
constexpr uint32_t purpose(std::string_view name) {
  uint32_t h = 2166136261u;  // FNV-1a
  for (char c : name) h = (h ^ static_cast<uint8_t>(c)) * 16777619u;
  return h;
}

// The stream of draws for one (seed, purpose, step, sample). draw(i) may be called in any order.
class Stream {
 public:
  Stream(uint64_t seed, uint32_t purpose, uint64_t step = 0, uint32_t sample = 0);

  uint32_t bits32(uint64_t index) const;
  uint64_t bits64(uint64_t index) const;
  // Uniform in [0, 1), 24 bits.
  float uniform(uint64_t index) const { return static_cast<float>(bits32(index) >> 8) * 0x1p-24f; }
  // Uniform in [0, n), n > 0, without bias beyond 2^-64·n.
  uint64_t below(uint64_t index, uint64_t n) const;
  // Standard normal (Box-Muller).
  float normal(uint64_t index) const;

 private:
  std::array<uint32_t, 2> key_;
  uint32_t step_low_, sample_;
};

}  // namespace leam
