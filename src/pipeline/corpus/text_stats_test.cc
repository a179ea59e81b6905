#include "pipeline/corpus/text_stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/core/rng.h"

namespace leam::corpus {
namespace {

const CharTable& table() {
  static const CharTable t;
  return t;
}

TEST(TextStats, CountsByHand) {
  TextAnalyser a(table());
  // ž and ů are single code points here; the word with a combining caron counts it as a letter.
  const TextStats s = a.analyse("Ďábel, 3 kůň\n  \nz\u030C!\nĎábel, 3 kůň  \n");
  EXPECT_EQ(s.chars, 12u + 1 + 2 + 1 + 3 + 1 + 14 + 1);
  EXPECT_EQ(s.words, 3u + 1 + 3);
  EXPECT_EQ(s.word_chars, 9u + 2 + 9);
  EXPECT_EQ(s.letters, 8u + 2 + 8);
  EXPECT_EQ(s.visible, 10u + 3 + 10);
  EXPECT_EQ(s.lines, 3u);
  EXPECT_EQ(s.repeated, 1u);
  EXPECT_DOUBLE_EQ(s.repeated_line_share(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(s.repeated_text_share(), 16.0 / (16 + 4 + 16));
  EXPECT_DOUBLE_EQ(s.mean_word_length(), 20.0 / 7);
  const TextStats none = a.analyse("");
  EXPECT_EQ(none.chars, 0u);
  EXPECT_EQ(none.letter_share(), 0);
  EXPECT_TRUE(a.shingles(5).empty());
}

TEST(TextStats, ShinglesSeeWordsOnly) {
  TextAnalyser a(table());
  const auto of = [&](std::string_view text) {
    a.analyse(text);
    return a.shingles(3);
  };
  EXPECT_EQ(of("Das ist ein Haus am See").size(), 4u);
  EXPECT_EQ(of("Das ist ein Haus am See"), of("das — IST, ein\u00A0\n„Haus\" AM  see."));
  EXPECT_EQ(of("ΤΟ ΣΠΙΤΙ ΜΑΣ"), of("το σπιτι μασ"));
  EXPECT_NE(of("a b c"), of("c b a"));
  EXPECT_NE(of("ab c d"), of("a bc d"));
  EXPECT_EQ(of("one two").size(), 1u);  // shorter than a run: one of all words
  EXPECT_EQ(of("a b c a b c a b c").size(), 3u);
}

// Against sets of the words themselves: the same number of distinct runs, the same number in common.
TEST(TextStats, ShinglesAgreeWithSetsOfWords) {
  const auto words = [](uint32_t sample, size_t n) {
    const Stream s(3, purpose("test.words"), 0, sample);
    std::vector<std::string> out;
    for (size_t i = 0; i < n; ++i) out.push_back("w" + std::to_string(s.below(i, 12)));
    return out;
  };
  const auto join = [](const std::vector<std::string>& w) {
    std::string out;
    for (const auto& x : w) out += x + " ";
    return out;
  };
  const auto runs = [](const std::vector<std::string>& w, size_t n) {
    std::set<std::vector<std::string>> out;
    for (size_t i = 0; i + n <= w.size(); ++i)
      out.insert({w.begin() + static_cast<long>(i), w.begin() + static_cast<long>(i + n)});
    return out;
  };
  TextAnalyser a(table());
  for (uint32_t t = 0; t < 50; ++t) {
    const auto x = words(2 * t, 400), y = words(2 * t + 1, 300);
    for (size_t n : {1, 2, 3}) {
      const auto rx = runs(x, n), ry = runs(y, n);
      std::vector<std::vector<std::string>> both;
      std::set_intersection(rx.begin(), rx.end(), ry.begin(), ry.end(), std::back_inserter(both));
      a.analyse(join(x));
      const auto hx = a.shingles(n);
      a.analyse(join(y));
      const auto hy = a.shingles(n);
      std::vector<uint64_t> common;
      std::set_intersection(hx.begin(), hx.end(), hy.begin(), hy.end(), std::back_inserter(common));
      EXPECT_EQ(hx.size(), rx.size());
      EXPECT_EQ(hy.size(), ry.size());
      EXPECT_EQ(common.size(), both.size());
    }
  }
}

TEST(TextStats, NormalisedHash) {
  const auto h = [](std::string_view s) { return normalised_hash(s, table()); };
  EXPECT_EQ(h("kůň  je\n\nzvíře "), h(" ku\u030An\u030C je\u00A0zvi\u0301r\u030Ce"));
  EXPECT_NE(h("Haus"), h("haus"));
  EXPECT_NE(h("ab c"), h("a bc"));
  EXPECT_EQ(h(" \n"), hash128(""));
}

}  // namespace
}  // namespace leam::corpus
