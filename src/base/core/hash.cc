#include "base/core/hash.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <charconv>

namespace leam {

std::string Hash128::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out(32, '0');
  for (size_t i = 0; i < 16; ++i) {
    out[15 - i] = kDigits[high >> (4 * i) & 15];
    out[31 - i] = kDigits[low >> (4 * i) & 15];
  }
  return out;
}

std::optional<Hash128> Hash128::from_hex(std::string_view hex) {
  if (hex.size() != 32) return std::nullopt;
  Hash128 h;
  const auto half = [](std::string_view digits, uint64_t& out) {
    const auto [end, err] = std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
    return err == std::errc() && end == digits.data() + digits.size();
  };
  if (!half(hex.substr(0, 16), h.high) || !half(hex.substr(16), h.low)) return std::nullopt;
  return h;
}

Hash128 hash128(std::string_view bytes) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return {h.high64, h.low64};
}

uint64_t hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

struct Hasher::State {
  XXH3_state_t xxh;
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(&state_->xxh);
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::add(std::string_view bytes) {
  if (!bytes.empty()) XXH3_128bits_update(&state_->xxh, bytes.data(), bytes.size());
}

Hash128 Hasher::value() const {
  const XXH128_hash_t h = XXH3_128bits_digest(&state_->xxh);
  return {h.high64, h.low64};
}

}  // namespace leam
