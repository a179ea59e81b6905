// The ids of words met before, for words of up to 31 bytes that make up to 7 tokens: nearly all of them.
// A fixed table of one cache line an entry, two places a word; the newcomer goes to the first place and
// what was there moves to the second.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace leam::text::detail {

// The first `size` bytes of 32.
constexpr std::array<std::array<uint64_t, 4>, 32> word_masks() {
  std::array<std::array<uint64_t, 4>, 32> masks{};
  for (size_t size = 0; size < 32; ++size) {
    for (size_t byte = 0; byte < size; ++byte) {
      const size_t shift = std::endian::native == std::endian::little ? byte % 8 : 7 - byte % 8;
      masks[size][byte / 8] |= uint64_t{0xff} << (8 * shift);
    }
  }
  return masks;
}
inline constexpr std::array<std::array<uint64_t, 4>, 32> kWordMasks = word_masks();
__extension__ using Uint128 = unsigned __int128;

class WordCache {
 public:
  static constexpr size_t kMaxWord = 31, kMaxIds = 7;
  struct Key {
    std::array<uint64_t, 4> words{};  // the bytes, zeros behind them, the size in the last byte
  };

  WordCache() : entries_(new Entry[kEntries]) {}

  // `limit` is the end of readable memory.
  static Key key(const char* word, size_t size, const char* limit) {
    Key k;
    if (limit - word >= 32) {
      std::memcpy(k.words.data(), word, 32);
      for (size_t i = 0; i < 4; ++i) k.words[i] &= kWordMasks[size][i];
    } else {
      std::memcpy(k.words.data(), word, size);
    }
    reinterpret_cast<unsigned char*>(k.words.data())[31] = static_cast<unsigned char>(size);
    return k;
  }
  static size_t slot(const Key& k) {
    const auto mix = [](uint64_t a, uint64_t b) {
      const auto product = static_cast<Uint128>(a) * b;
      return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    };
    const uint64_t h = mix(k.words[0] ^ 0x9e3779b97f4a7c15ull, k.words[1] ^ 0xbf58476d1ce4e5b9ull) ^
                       mix(k.words[2] ^ 0x94d049bb133111ebull, k.words[3] ^ 0xd6e8feb86659fd93ull);
    return static_cast<size_t>(h & (kEntries - 1));
  }

  void prefetch(size_t slot) const { __builtin_prefetch(&entries_[slot]); }
  // Copies the ids to `out`, which has room for 8, and says how many; 0 when the word is not here.
  size_t find(const Key& k, size_t slot, uint32_t* out) const {
    for (const size_t i : {slot, slot ^ 1}) {
      const Entry& e = entries_[i];
      const uint64_t difference = (e.key.words[0] ^ k.words[0]) | (e.key.words[1] ^ k.words[1]) |
                                  (e.key.words[2] ^ k.words[2]) | (e.key.words[3] ^ k.words[3]);
      if (difference == 0) {
        std::memcpy(out, e.ids.data(), sizeof e.ids);
        return e.ids[kMaxIds];
      }
    }
    return 0;
  }
  // 1 … kMaxIds ids.
  void insert(const Key& k, size_t slot, std::span<const uint32_t> ids) {
    entries_[slot ^ 1] = entries_[slot];
    Entry& e = entries_[slot];
    e.key = k;
    std::copy(ids.begin(), ids.end(), e.ids.begin());
    e.ids[kMaxIds] = static_cast<uint32_t>(ids.size());
  }

 private:
  static constexpr size_t kEntries = 1 << 16;
  struct alignas(64) Entry {
    Key key;
    std::array<uint32_t, kMaxIds + 1> ids{};  // the last one is their number
  };
  std::unique_ptr<Entry[]> entries_;
};

}  // namespace leam::text::detail
