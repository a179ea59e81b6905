#include "engine/learn/data_order.h"

#include <set>

#include "engine/learn/learn_test_support.h"

namespace leam::learn {
namespace {

using test::Folder;
using test::Machinery;

TEST(Permute, IsABijectionForEverySize) {
  for (uint64_t n = 1; n < 200; n = n * 3 / 2 + 1) {
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      std::set<uint64_t> seen;
      for (uint64_t i = 0; i < n; ++i) {
        const uint64_t p = permute(i, n, 7, epoch);
        EXPECT_LT(p, n);
        seen.insert(p);
      }
      EXPECT_EQ(seen.size(), n);
    }
  }
}

TEST(Permute, EpochsAndSeedsDiffer) {
  int same_epoch = 0, same_seed = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    same_epoch += permute(i, 1000, 7, 0) == permute(i, 1000, 7, 1);
    same_seed += permute(i, 1000, 7, 0) == permute(i, 1000, 8, 0);
  }
  EXPECT_LT(same_epoch, 10);
  EXPECT_LT(same_seed, 10);
}

class DataOrderTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_corpus(*env_, folder_.path());
    auto set = artifact::ShardSet::open(*env_, folder_.path());
    ASSERT_TRUE(set.ok()) << set.error().message();
    shards_ = std::make_unique<artifact::ShardSet>(std::move(*set));
  }
  Folder folder_;
  std::unique_ptr<Env> env_ = Env::real();
  std::unique_ptr<artifact::ShardSet> shards_;
  Machinery m_;
};

TEST_F(DataOrderTest, AnEpochLearnsEveryWindowOnce) {
  const auto order = DataOrder::create(*shards_, 16, 3);
  ASSERT_TRUE(order.ok());
  EXPECT_EQ(order->windows(), shards_->tokens() / 16);
  for (uint64_t epoch = 0; epoch < 2; ++epoch) {
    std::set<uint64_t> targets;
    for (uint64_t w = 0; w < order->windows(); ++w) {
      for (uint64_t t = 0; t < 16; ++t)
        targets.insert((order->position(epoch * order->windows() + w) + t) % shards_->tokens());
    }
    EXPECT_EQ(targets.size(), order->windows() * 16);
  }
}

TEST_F(DataOrderTest, RowsKnowTheirDocument) {
  const auto order = DataOrder::create(*shards_, 16, 3);
  ASSERT_TRUE(order.ok());
  std::vector<uint32_t> all(shards_->tokens());
  ASSERT_TRUE(shards_->read(0, all).ok());
  const auto batch = order->batch(m_.memory, 5, 7);
  ASSERT_TRUE(batch.ok());
  for (uint64_t b = 0; b < 7; ++b) {
    uint64_t document = 0;
    for (uint64_t t = 0; t < 16; ++t) {
      const uint64_t n = b * 16 + t, at = order->position(5 + b) + t;
      const auto get = [&](const tensor::Tensor& x) { return static_cast<uint64_t>(x.data<int32_t>()[n]); };
      EXPECT_EQ(get(batch->targets), all[at % all.size()]);
      EXPECT_EQ(get(batch->ids), all[(at + all.size() - 1) % all.size()]);
      if (get(batch->ids) == 0) document = t;  // the end of one document begins the next
      EXPECT_EQ(get(batch->starts), document);
      EXPECT_EQ(get(batch->positions), t - document);
    }
  }
}

TEST_F(DataOrderTest, ABatchIsItsSamples) {
  const auto order = DataOrder::create(*shards_, 8, 11);
  ASSERT_TRUE(order.ok());
  const auto whole = order->batch(m_.memory, 40, 4);
  for (uint64_t i = 0; i < 4; ++i) {
    const auto one = order->batch(m_.memory, 40 + i, 1);
    for (int64_t t = 0; t < 8; ++t)
      EXPECT_EQ(one->ids.data<int32_t>()[t], whole->ids.data<int32_t>()[static_cast<int64_t>(i) * 8 + t]);
  }
}

TEST_F(DataOrderTest, TooLittleTextIsAnError) {
  const auto order = DataOrder::create(*shards_, 100000, 3);
  ASSERT_FALSE(order.ok());
  EXPECT_NE(order.error().message().find("fewer than one window"), std::string::npos);
}

}  // namespace
}  // namespace leam::learn
