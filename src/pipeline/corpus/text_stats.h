// What the rules and the duplicate search need to know of a text, in one pass over it.
//
// A word is a maximal run of code points of general category L, M or N. Words are folded to lower case
// code point by code point (simple case mapping), so that shingles do not depend on case, punctuation or
// white space.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/core/hash.h"

namespace leam::corpus {

struct TextStats {
  uint64_t chars = 0;       // code points
  uint64_t visible = 0;     // … that are not white space
  uint64_t letters = 0;     // … of category L or M
  uint64_t words = 0;       // that hold a letter or digit, see above
  uint64_t word_chars = 0;  // code points in words
  uint64_t lines = 0;       // that hold something visible
  uint64_t repeated = 0;    // … equal to an earlier one, white space at the ends aside
  uint64_t line_bytes = 0;  // of those lines
  uint64_t repeated_bytes = 0;

  double letter_share() const { return ratio(letters, visible); }
  double mean_word_length() const { return ratio(word_chars, words); }
  double repeated_line_share() const { return ratio(repeated, lines); }
  double repeated_text_share() const { return ratio(repeated_bytes, line_bytes); }

 private:
  static double ratio(uint64_t a, uint64_t b) {
    return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
  }
};

// Class and lower case of every code point, as tables. Immutable; one for all threads.
class CharTable {
 public:
  CharTable();
  enum : uint32_t { kOther = 0, kSpace = 1u << 24, kLetter = 2u << 24, kDigit = 3u << 24, kClass = 3u << 24 };
  // Class in the upper bits, lower case in the lower 24.
  uint32_t look(char32_t c) const { return c < kSize ? table_[c] : slow(c); }

 private:
  static constexpr char32_t kSize = 0x3000;  // every alphabet of Europe and its neighbours
  static uint32_t slow(char32_t c);
  std::vector<uint32_t> table_;
};

// Scratch memory of one thread.
class TextAnalyser {
 public:
  explicit TextAnalyser(const CharTable& table) : table_(table) {}

  // `text` is valid UTF-8.
  TextStats analyse(std::string_view text);
  // The hashes of all runs of `n` words of the text analysed last, in text order. A text of fewer words has
  // one run of all its words; a text without words has none.
  const std::vector<uint64_t>& runs(size_t n);
  // The same without repetitions, in ascending order.
  const std::vector<uint64_t>& shingles(size_t n);

 private:
  const CharTable& table_;
  std::vector<uint64_t> words_;  // their hashes in text order
  std::vector<uint64_t> shingles_;
  std::unordered_set<uint64_t> seen_lines_;
};

// Hash of a text in normal form C with every run of white space as one space and none at its ends: equal
// for texts that differ in nothing a reader would see. Case counts.
Hash128 normalised_hash(std::string_view text, const CharTable& table);

}  // namespace leam::corpus
