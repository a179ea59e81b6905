#include "pipeline/eval/score.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/core/rng.h"
#include "base/core/test_fixture.h"
#include "engine/tensor/dispatch.h"

namespace leam::eval {
namespace {

TEST(Windows, CountEveryPredictionOnceWithAsMuchContextAsThereIs) {
  EXPECT_EQ(windows(3, 5, 8, 4), (std::vector<Window>{{3, 0, 5, 0}}));
  EXPECT_EQ(windows(0, 8, 8, 4), (std::vector<Window>{{0, 0, 8, 0}}));
  EXPECT_EQ(windows(0, 9, 8, 4), (std::vector<Window>{{0, 0, 8, 0}, {0, 1, 8, 7}}));
  EXPECT_EQ(windows(0, 14, 8, 4), (std::vector<Window>{{0, 0, 8, 0}, {0, 4, 8, 4}, {0, 6, 8, 6}}));
  for (const int64_t T : {1, 2, 7, 16}) {
    for (int64_t stride = 1; stride <= T; ++stride) {
      for (int64_t n = 1; n < 60; ++n) {
        std::vector<int> counted(static_cast<size_t>(n));
        for (const Window& w : windows(0, n, T, stride)) {
          ASSERT_GE(w.begin, 0);
          ASSERT_LE(w.begin + w.size, n);
          ASSERT_LE(w.size, T);
          for (int64_t i = w.skip; i < w.size; ++i) {
            ++counted[static_cast<size_t>(w.begin + i)];
            ASSERT_GE(i, std::min(w.begin + i, T - stride));  // tokens of context before it
          }
        }
        for (const int times : counted) ASSERT_EQ(times, 1);
      }
    }
  }
}

TEST(Windows, PackIntoFullRows) {
  std::vector<Window> w;
  for (int64_t size : {3, 8, 5, 2, 2, 1, 8, 4}) w.push_back({w.size(), 0, size, 0});
  const auto rows = pack(w, 8);
  EXPECT_EQ(rows.size(), 5u);  // 33 predictions in rows of 8
  std::vector<int> used(w.size());
  for (const auto& row : rows) {
    int64_t sum = 0;
    for (const size_t i : row) {
      ++used[i];
      sum += w[i].size;
    }
    EXPECT_LE(sum, 8);
  }
  EXPECT_EQ(used, std::vector<int>(w.size(), 1));
}

class ScoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto d = nn::Decoder::load(*env_, exec_, test_fixture("llama_tiny"), tensor::DType::kF32);
    ASSERT_TRUE(d.ok()) << d.error().message();
    decoder_ = std::move(*d);
    const Stream random(7, purpose("score_test"));
    uint64_t draw = 0;
    for (const size_t size : {2, 5, 130, 129, 64, 300, 20, 33, 500, 3}) {
      std::vector<int32_t> s{0};
      while (s.size() + 1 < size) s.push_back(static_cast<int32_t>(1 + random.below(draw++, 63)));
      s.push_back(0);
      sequences_.push_back(s);
    }
  }
  std::vector<double> run(const ScoreOptions& options) {
    auto r = score(*decoder_, exec_, sequences_, options);
    EXPECT_TRUE(r.ok());
    return r.ok() ? *r : std::vector<double>{};
  }

  std::unique_ptr<Env> env_ = Env::real();
  ThreadPool pool_{2};
  tensor::Memory memory_;
  tensor::Dispatch dispatch_;
  tensor::Exec exec_{pool_, memory_, dispatch_};
  std::unique_ptr<nn::Decoder> decoder_;
  std::vector<std::vector<int32_t>> sequences_;
};

// By the definition, one prediction at a time, from the cached logits that serving uses.
TEST_F(ScoreTest, EqualsTheDefinition) {
  constexpr int64_t kT = 128, kStride = 50;
  const std::vector<double> got = run({.stride = kStride});
  for (size_t i = 0; i < sequences_.size(); ++i) {
    const std::vector<int32_t>& s = sequences_[i];
    double want = 0;
    for (const Window& w : windows(0, static_cast<int64_t>(s.size()) - 1, kT, kStride)) {
      nn::KvSlot slot = decoder_->make_slot(memory_, kT);
      const std::span<const int32_t> ids(s.data() + w.begin, static_cast<size_t>(w.size));
      const std::vector<nn::Chunk> chunks{{ids, 0, &slot, nn::Want::kAll}};
      const tensor::Tensor logits = decoder_->logits(exec_, chunks);
      const int64_t V = decoder_->config().vocab;
      for (int64_t t = w.skip; t < w.size; ++t) {
        const float* row = logits.data<float>() + t * V;
        double sum = 0;
        for (int64_t v = 0; v < V; ++v) sum += std::exp(double{row[v]});
        want += std::log(sum) - double{row[s[static_cast<size_t>(w.begin + t + 1)]]};
      }
    }
    EXPECT_NEAR(got[i], want, 1e-5 * want) << i;
  }
}

TEST_F(ScoreTest, DoesNotDependOnBatchOrNeighbours) {
  const std::vector<double> together = run({.batch_rows = 8});
  EXPECT_EQ(together, run({.batch_rows = 1}));
  EXPECT_EQ(together, run({.batch_rows = 3}));
  std::reverse(sequences_.begin(), sequences_.end());
  std::vector<double> reversed = run({});
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(together, reversed);
  std::reverse(sequences_.begin(), sequences_.end());
  for (size_t i = 0; i < sequences_.size(); ++i) {
    const auto alone = score(*decoder_, exec_, std::span(&sequences_[i], 1), {});
    ASSERT_TRUE(alone.ok());
    EXPECT_EQ((*alone)[0], together[i]) << i;
  }
}

TEST_F(ScoreTest, TellsItsWorkAndStops) {
  int64_t last = 0;
  const auto all = score(*decoder_, exec_, sequences_, {.batch_rows = 2}, [&](int64_t n) -> Result<void> {
    last = n;
    return {};
  });
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(last, planned_tokens(sequences_, 128, {}));
  const auto stopped = score(*decoder_, exec_, sequences_, {.batch_rows = 2}, [&](int64_t) -> Result<void> {
    return Error(ErrorCode::kInterrupted, "test", "stop");
  });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code(), ErrorCode::kInterrupted);
}

}  // namespace
}  // namespace leam::eval
