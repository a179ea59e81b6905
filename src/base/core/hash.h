// Content hashes: XXH3-128 (fast, not cryptographic) for lineage, identity and change detection.
// Secrets are hashed with SHA-256 where they live (pipeline/serve), not here.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace leam {

struct Hash128 {
  uint64_t high = 0, low = 0;
  auto operator<=>(const Hash128&) const = default;
  // 32 lower-case hex digits, the canonical big-endian form of xxhsum.
  std::string hex() const;
  static std::optional<Hash128> from_hex(std::string_view hex);
};

Hash128 hash128(std::string_view bytes);
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);

// Hashes a stream piece by piece; the same value as hash128 of all pieces joined.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void add(std::string_view bytes);
  Hash128 value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leam

template <>
struct std::hash<leam::Hash128> {
  size_t operator()(const leam::Hash128& h) const noexcept { return h.low; }
};
