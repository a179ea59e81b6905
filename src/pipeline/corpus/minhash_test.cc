#include "pipeline/corpus/minhash.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/core/rng.h"
#include "pipeline/corpus/near.h"

namespace leam::corpus {
namespace {

// Two sets of random shingles of `size` each with `common` in common.
std::pair<std::vector<uint64_t>, std::vector<uint64_t>> sets(uint32_t sample, size_t size, size_t common) {
  const Stream s(11, purpose("test.minhash"), size, sample);
  std::vector<uint64_t> a, b;
  for (size_t i = 0; i < size; ++i) a.push_back(s.bits64(i));
  b.assign(a.begin(), a.begin() + static_cast<long>(common));
  for (size_t i = common; i < size; ++i) b.push_back(s.bits64(1'000'000 + i));
  return {a, b};
}

std::vector<uint32_t> sign(const MinHash& m, const std::vector<uint64_t>& set) {
  std::vector<uint32_t> out(m.shape().places());
  m.sign(set, out);
  return out;
}

// The estimate is without bias and as exact as 112 independent places are, for small and large sets: what
// the permutations must give, by the definition of MinHash.
TEST(MinHash, EstimatesJaccardAsTheoryHasIt) {
  const MinHash m({});
  for (const size_t size : {40u, 400u}) {
    for (const double overlap : {0.2, 0.5, 0.8, 0.95}) {
      const auto common = static_cast<size_t>(overlap * static_cast<double>(size));
      const double j = static_cast<double>(common) / static_cast<double>(2 * size - common);
      constexpr uint32_t kTrials = 400;
      double sum = 0, square = 0;
      for (uint32_t t = 0; t < kTrials; ++t) {
        const auto [a, b] = sets(t, size, common);
        const double e = similarity(sign(m, a), sign(m, b)) - j;
        sum += e, square += e * e;
      }
      const double sd = std::sqrt(j * (1 - j) / 112);
      EXPECT_NEAR(sum / kTrials, 0, 4 * sd / std::sqrt(kTrials)) << size << " " << overlap;
      EXPECT_NEAR(std::sqrt(square / kTrials), sd, 0.15 * sd) << size << " " << overlap;
    }
  }
}

// 1 - (1 - J^8)^14 at J = 0.8 is 0.924 (the figure FineWeb gives for this shape).
TEST(MinHash, BandsFindWhatTheFormulaSays) {
  const MinHash m({});
  const auto found = [&](size_t size, size_t common) {
    int n = 0;
    for (uint32_t t = 0; t < 1000; ++t) {
      const auto [a, b] = sets(t, size, common);
      const auto x = sign(m, a), y = sign(m, b);
      bool any = false;
      for (size_t band = 0; band < 14; ++band) any |= m.band_key(x, band) == m.band_key(y, band);
      n += any;
    }
    return n / 1000.0;
  };
  EXPECT_NEAR(found(180, 160), 0.924, 0.03);   // 160 / 200
  EXPECT_NEAR(found(150, 100), 0.055, 0.025);  // 100 / 200
}

TEST(MinHash, PlainLoopsGiveTheSame) {
  // The formula of minhash.cc in plain C++: any instruction set must give these bits.
  for (const size_t bands : {1u, 9u, 14u, 20u}) {
    const MinHash m({5, bands, 8});
    for (const size_t n : {0u, 1u, 3u, 1000u}) {
      const auto [set, unused] = sets(7, n, 0);
      std::vector<uint32_t> expected(bands * 8, ~0u);
      const Stream stream(0, purpose("corpus.minhash"));
      for (size_t i = 0; i < expected.size(); ++i) {
        const uint32_t flip = stream.bits32(2 * i), factor = stream.bits32(2 * i + 1) | 1;
        for (const uint64_t h : set) {
          const uint32_t v = (static_cast<uint32_t>(h) ^ flip) * factor + static_cast<uint32_t>(h >> 32);
          expected[i] = std::min(expected[i], v);
        }
      }
      EXPECT_EQ(sign(m, set), expected) << minhash_target();
    }
  }
}

class Near : public testing::Test {
 protected:
  std::vector<NearDuplicate> find(const std::vector<std::vector<uint64_t>>& documents, double threshold,
                                  int threads) {
    const MinHash m({});
    std::vector<std::vector<uint32_t>> signatures;
    for (const auto& d : documents) signatures.push_back(sign(m, d));
    ThreadPool pool(threads);
    Context ctx{*env_, pool, quiet_, stop_, 1};
    return *near_duplicates(
        static_cast<uint32_t>(documents.size()),
        [&](uint32_t i) { return std::span<const uint32_t>(signatures[i]); }, m, threshold, ctx);
  }
  std::unique_ptr<Env> env_ = Env::real();
  QuietReporter quiet_;
  StopFlag stop_;
};

// A row of documents, each 90 % its neighbour: the ends have nothing in common, so not all may go.
TEST_F(Near, ChainsDoNotSwallowWhatIsNotAlike) {
  const Stream s(5, purpose("test.chain"));
  std::vector<std::vector<uint64_t>> row;
  for (size_t k = 0; k < 40; ++k) {
    std::vector<uint64_t> d;
    for (size_t i = 0; i < 300; ++i) d.push_back(s.bits64(k * 15 + i));  // J of neighbours 285 / 315 = 0.905
    row.push_back(d);
  }
  const auto drops = find(row, 0.8, 1);
  EXPECT_GT(drops.size(), 15u);
  std::vector<bool> dropped(row.size(), false);
  for (const NearDuplicate& n : drops) dropped[n.document] = true;
  for (const NearDuplicate& n : drops) {
    EXPECT_FALSE(dropped[n.keeper]) << "the keeper stays";
    EXPECT_LT(n.keeper, n.document);
    EXPECT_LE(n.document - n.keeper, 3u) << "true similarity at 3 steps is 0.74";
    EXPECT_GE(n.similarity, 0.8);
  }
  EXPECT_FALSE(dropped[0]);
}

TEST_F(Near, ManyCopiesAndStrangersOnAnyNumberOfThreads) {
  std::vector<std::vector<uint64_t>> documents;
  for (uint32_t k = 0; k < 200; ++k) {
    const auto [a, b] = sets(k, 200, 195);  // J 0.951
    documents.push_back(a);
    for (uint32_t c = 0; c < k % 4; ++c) documents.push_back(c % 2 == 0 ? b : a);
  }
  const auto one = find(documents, 0.8, 1);
  EXPECT_EQ(one.size(), documents.size() - 200);
  for (int threads : {2, 5}) {
    const auto many = find(documents, 0.8, threads);
    ASSERT_EQ(many.size(), one.size());
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(many[i].document, one[i].document);
      EXPECT_EQ(many[i].keeper, one[i].keeper);
      EXPECT_EQ(many[i].similarity, one[i].similarity);
    }
  }
  EXPECT_TRUE(find({}, 0.8, 1).empty());
}

}  // namespace
}  // namespace leam::corpus
