#include "pipeline/corpus/mix.h"

#include <gtest/gtest.h>

#include <numeric>

#include "pipeline/corpus/split.h"

namespace leam::corpus {
namespace {

MixParams temperature(double alpha, double max_epochs, uint64_t budget) {
  return {MixParams::Kind::kTemperature, alpha, max_epochs, budget};
}

// By hand: 1600^0.5 : 100^0.5 = 40 : 10 = 0.8 : 0.2.
TEST(Mix, TemperatureByHand) {
  EXPECT_EQ(mix_epochs(temperature(0.5, 9, 1000), {1600, 100}), (std::vector<double>{0.5, 2.0}));
  // No budget: the largest language once, the other (1600 / 100)^(1 - 0.5) = 4 times.
  EXPECT_EQ(mix_epochs(temperature(0.5, 9, 0), {1600, 100}), (std::vector<double>{1, 4}));
  EXPECT_EQ(mix_epochs(temperature(0.5, 3, 0), {1600, 100}), (std::vector<double>{1, 3}));
  // α 1 changes nothing, α 0 makes all equal, a language that is not there stays away.
  EXPECT_EQ(mix_epochs(temperature(1, 4, 0), {1600, 100, 7}), (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(mix_epochs(temperature(0, 100, 0), {1600, 0, 100}), (std::vector<double>{1, 0, 16}));
  // The cap of the second (2 epochs would be 200, one is allowed) leaves 900 to the first.
  const auto capped = mix_epochs(temperature(0.5, 1, 1000), {1600, 100});
  EXPECT_NEAR(capped[0], 900.0 / 1600, 1e-12);
  EXPECT_EQ(capped[1], 1);
  EXPECT_EQ(mix_epochs(temperature(0.7, 4, 0), {}), std::vector<double>{});
  EXPECT_EQ(mix_epochs(temperature(0.7, 4, 0), {0, 0}), (std::vector<double>{0, 0}));
}

// Three languages capped one after the other: the budget is spent to the last character or all are capped.
TEST(Mix, TemperatureSpendsTheBudget) {
  const std::vector<uint64_t> chars{1'000'000, 30'000, 2'000, 500};
  for (const uint64_t budget : {10'000u, 500'000u, 900'000u, 2'000'000u, 90'000'000u}) {
    const auto e = mix_epochs(temperature(0.3, 4, budget), chars);
    double sampled = 0, all = 0;
    for (size_t i = 0; i < e.size(); ++i) {
      EXPECT_LE(e[i], 4);
      sampled += e[i] * static_cast<double>(chars[i]);
      all += 4.0 * static_cast<double>(chars[i]);
    }
    EXPECT_NEAR(sampled, std::min(all, static_cast<double>(budget)), 1e-3) << budget;
  }
}

// The example on the page of the PyPI package unimax-sampling: budget 250e9 characters, at most 4 epochs.
TEST(Mix, UnimaxAsPublished) {
  const std::vector<uint64_t> chars{179955884499, 184595788282, 42541080893, 10027573389, 549707867};
  const auto out = unimax(chars, 250e9, 4);
  EXPECT_NEAR(out[0], 69230291658.67, 0.01);
  EXPECT_NEAR(out[1], 69230291658.67, 0.01);
  EXPECT_NEAR(out[2], 69230291658.67, 0.01);
  EXPECT_NEAR(out[3], 40110293556, 0.01);
  EXPECT_NEAR(out[4], 2198831468, 0.01);
  const auto epochs = mix_epochs({MixParams::Kind::kUnimax, 0.7, 4, 250'000'000'000}, chars);
  EXPECT_NEAR(epochs[4], 4, 1e-12);
  EXPECT_NEAR(epochs[2], 69230291658.67 / 42541080893.0, 1e-9);
}

TEST(Mix, CopiesAddUp) {
  uint64_t total = 0, again = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Hash128 id = hash128(std::to_string(i));
    const Copies c = copies_of(id, 1.3, 5);
    EXPECT_TRUE(c.count == 1 || c.count == 2);
    total += c.count;
    again += copies_of(id, 0.3, 5).count;
    EXPECT_EQ(copies_of(id, 3, 5).count, 3u);
    EXPECT_EQ(copies_of(id, 0, 5).count, 0u);
    // More epochs never mean fewer copies of a document.
    EXPECT_LE(copies_of(id, 0.3, 5).count, copies_of(id, 0.4, 5).count);
  }
  EXPECT_NEAR(static_cast<double>(total), 26'000, 300);
  EXPECT_EQ(again, total - 20'000);
}

std::vector<SplitDocument> documents(size_t n, uint64_t chars, uint32_t language) {
  std::vector<SplitDocument> out;
  for (size_t i = 0; i < n; ++i)
    out.push_back({hash128(std::to_string(language) + "/" + std::to_string(i)), chars, language});
  return out;
}
uint64_t held(const std::vector<SplitDocument>& d, const std::vector<bool>& flags, uint32_t language) {
  uint64_t out = 0;
  for (size_t i = 0; i < d.size(); ++i)
    if (flags[i] && d[i].language == language) out += d[i].chars;
  return out;
}

TEST(Split, TargetsByHand) {
  const SplitParams p{.heldout = 0.02, .min_chars = 20'000, .max_share = 0.2, .max_chars = 200'000};
  EXPECT_EQ(heldout_target(p, 5'000'000), 100'000u);   // the share
  EXPECT_EQ(heldout_target(p, 50'000'000), 200'000u);  // the most
  EXPECT_EQ(heldout_target(p, 500'000), 20'000u);      // the least
  EXPECT_EQ(heldout_target(p, 60'000), 12'000u);       // a fifth of a small language
  EXPECT_EQ(heldout_target({.heldout = 0}, 60'000), 0u);
}

TEST(Split, EveryLanguageHasEnoughAndOrderDoesNotMatter) {
  std::vector<SplitDocument> d = documents(3000, 2000, 0), more = documents(100, 1000, 1);
  d.insert(d.end(), more.begin(), more.end());
  d.push_back({hash128("a whole book"), 5'000'000, 1});
  const SplitParams p;
  const auto flags = choose_heldout(p, 1, d);
  EXPECT_NEAR(static_cast<double>(held(d, flags, 0)), 120'000, 2000);
  EXPECT_NEAR(static_cast<double>(held(d, flags, 1)), 100'000 + 2'000, 3000);
  // Reversed input, the same documents.
  std::vector<SplitDocument> reversed(d.rbegin(), d.rend());
  const auto again = choose_heldout(p, 1, reversed);
  for (size_t i = 0; i < d.size(); ++i) EXPECT_EQ(flags[i], again[d.size() - 1 - i]);
  EXPECT_NE(choose_heldout(p, 2, d), flags);
}

}  // namespace
}  // namespace leam::corpus
