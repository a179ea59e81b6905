// Byte-pair encoding of one word: starting from its bytes, the pair with the lowest rank (the leftmost of
// equals) is merged until no pair has a rank. Sennrich, Haddow, Birch: "Neural machine translation of rare
// words with subword units", ACL 2016; on bytes: Radford et al. 2019.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leam::text::detail {

inline constexpr uint32_t kNone = 0xffffffff;

// The merges of a vocabulary: (left id, right id) → rank and id of the joined token.
class MergeTable {
 public:
  static constexpr uint64_t kFree = ~uint64_t{0};
  struct Merge {
    uint64_t pair = kFree;  // left id, right id
    uint32_t rank = kNone, id = kNone;
  };
  // Room for `n` merges.
  explicit MergeTable(size_t n = 0);
  // The last rank of a pair counts.
  void set(uint32_t left, uint32_t right, uint32_t rank, uint32_t id);
  // Rank kNone when the pair does not merge.
  const Merge& find(uint32_t left, uint32_t right) const {
    const uint64_t pair = static_cast<uint64_t>(left) << 32 | right;
    for (size_t i = slot(pair);; i = (i + 1) & mask_) {
      const Merge& m = table_[i];
      if (m.pair == pair || m.pair == kFree) return m;
    }
  }
  size_t size() const { return size_; }

 private:
  size_t slot(uint64_t pair) const { return static_cast<size_t>((pair * 0x9e3779b97f4a7c15ull) >> shift_); }
  std::vector<Merge> table_;
  size_t mask_ = 0, size_ = 0;
  int shift_ = 63;
};

struct BpeModel {
  MergeTable merges;
  std::array<uint32_t, 256> byte_ids{};  // kNone: the byte has no token
  uint32_t unk = kNone;                  // stands for such a byte; kNone: it is left out
  bool fuse_unk = false;                 // one unk for a run of them
  bool ignore_merges = false;            // a word that is a token is that token, whatever the merges
};

// Working memory of encode_word.
struct BpeScratch {
  struct Symbol {
    uint32_t id, bytes;  // bytes of the text
  };
  struct Node {
    uint32_t id, bytes, next, prev;
  };
  struct Candidate {
    uint32_t rank, at, merged;
  };
  std::vector<Symbol> symbols;
  std::vector<Node> nodes;
  std::vector<Candidate> heap;
};

// Appends the ids of `word` (and the bytes that each stands for, if `bytes` is given). O(n log n) for
// long words.
void encode_word(const BpeModel& model, std::string_view word, BpeScratch& scratch,
                 std::vector<uint32_t>& ids, std::vector<uint32_t>* bytes);

}  // namespace leam::text::detail
