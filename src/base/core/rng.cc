#include "base/core/rng.h"

#include <cmath>
#include <numbers>

namespace leam {
namespace {

// Mixes 64 bits well (splitmix64's finaliser); keys must differ in every bit on average.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k = {k[0] + 0x9E3779B9u, k[1] + 0xBB67AE85u};
  }
  return c;
}

Stream::Stream(uint64_t seed, uint32_t purpose, uint64_t step, uint32_t sample) : sample_(sample) {
  const uint64_t k = mix(mix(seed) ^ purpose) ^ mix(step >> 32);
  key_ = {static_cast<uint32_t>(k), static_cast<uint32_t>(k >> 32)};
  step_low_ = static_cast<uint32_t>(step);
}

uint32_t Stream::bits32(uint64_t index) const {
  const uint64_t block = index / 4;
  const auto r =
      philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), step_low_, sample_}, key_);
  return r[index % 4];
}

uint64_t Stream::bits64(uint64_t index) const {
  const uint64_t block = index / 2;
  const auto r = philox(
      {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32) ^ 0x80000000u, step_low_, sample_},
      key_);
  const size_t at = (index % 2) * 2;
  return uint64_t{r[at]} << 32 | r[at + 1];
}

__extension__ using Wide = unsigned __int128;

uint64_t Stream::below(uint64_t index, uint64_t n) const {
  return static_cast<uint64_t>((static_cast<Wide>(bits64(index)) * n) >> 64);
}

float Stream::normal(uint64_t index) const {
  // (0, 1] so that the logarithm is finite.
  const double u = (static_cast<double>(bits32(2 * index)) + 1.0) * 0x1p-32;
  const double v = static_cast<double>(bits32(2 * index + 1)) * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

}  // namespace leam
