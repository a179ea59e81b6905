#include "pipeline/eval/zstd_baseline.h"

#include <gtest/gtest.h>

#include <vector>

namespace leam::eval {
namespace {

std::vector<std::string> texts(int n, int shift = 0) {
  std::vector<std::string> out;
  for (int i = shift; i < n + shift; ++i) {
    std::string t;
    for (int k = 0; k < 30; ++k) {
      t += "Choose the menu entry number " + std::to_string(i * 31 + k * k) +
           " and confirm the dialogue with the button at its lower edge. ";
    }
    out.push_back(t);
  }
  return out;
}

uint64_t compressed(std::string_view dictionary, const std::vector<std::string>& all) {
  ZstdCompressor zstd(dictionary);
  uint64_t n = 0;
  for (const std::string& t : all) n += zstd.compressed_bytes(t);
  return n;
}

TEST(ZstdBaseline, DictionariesHelp) {
  const auto train = texts(200), held = texts(20, 1000);
  const std::string trained = train_dictionary(train, 4096), raw = raw_dictionary(train, 4096);
  ASSERT_FALSE(trained.empty());
  EXPECT_LE(trained.size(), 4096u);
  EXPECT_EQ(raw.size(), 4096u);
  EXPECT_TRUE(train.back().ends_with(raw.substr(4000)));
  const uint64_t none = compressed("", held);
  EXPECT_LT(compressed(trained, held), none);
  EXPECT_LT(compressed(raw, held), none);
  EXPECT_EQ(compressed(trained, held), compressed(trained, held));
}

TEST(ZstdBaseline, EachTextStandsAlone) {
  const auto held = texts(5);
  ZstdCompressor zstd("");
  const uint64_t first = zstd.compressed_bytes(held[0]);
  zstd.compressed_bytes(held[1]);
  EXPECT_EQ(zstd.compressed_bytes(held[0]), first);
}

// RFC 8878: an empty frame is its header and one raw block of size 0, whose header takes three bytes.
TEST(ZstdBaseline, CountsNoFrameHeader) {
  ZstdCompressor zstd("");
  EXPECT_EQ(zstd.compressed_bytes(""), 3u);
  EXPECT_EQ(zstd.compressed_bytes("a"), 4u);
}

TEST(ZstdBaseline, TooLittleTextIsNoError) {
  EXPECT_EQ(train_dictionary({}, 4096), "");
  const std::vector<std::string> one{"short"};
  EXPECT_EQ(train_dictionary(one, 4096), "");
  EXPECT_EQ(raw_dictionary(one, 4096), "short");
  EXPECT_EQ(raw_dictionary(one, 3), "ort");
  EXPECT_EQ(raw_dictionary({}, 3), "");
}

}  // namespace
}  // namespace leam::eval
