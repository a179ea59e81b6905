#include "engine/learn/trainer.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/learn/checkpoint.h"
#include "engine/learn/learn_test_support.h"

namespace leam::learn {
namespace {

using tensor::DType;
using test::Folder;
using test::Machinery;

class TrainerTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_corpus(*env_, folder_.path("tokens"));
    auto set = artifact::ShardSet::open(*env_, folder_.path("tokens"));
    ASSERT_TRUE(set.ok()) << set.error().message();
    shards_ = std::make_unique<artifact::ShardSet>(std::move(*set));
  }
  DataOrder order(const TrainerConfig& c) const {
    return std::move(DataOrder::create(*shards_, c.T, c.seed)).value();
  }
  // Trains from `begin` to `end`; the weights' bits afterwards.
  std::string train(Trainer& trainer, int64_t begin, int64_t end) const {
    const DataOrder data = order(trainer.config());
    for (int64_t step = begin; step < end; ++step) {
      const auto r = trainer.step(data, step, 0.01);
      EXPECT_TRUE(r.ok()) << r.error().message();
    }
    return bits(trainer);
  }
  static std::string bits(const Trainer& trainer) {
    const Parameters& p = trainer.parameters();
    return {reinterpret_cast<const char*>(p.master()), static_cast<size_t>(p.size()) * 4};
  }

  Folder folder_;
  std::unique_ptr<Env> env_ = Env::real();
  std::unique_ptr<artifact::ShardSet> shards_;
};

TEST_F(TrainerTest, LearnsToCount) {
  for (const OptimizerKind kind : {OptimizerKind::kAdamW, OptimizerKind::kMuon}) {
    for (const DType compute : {DType::kF32, DType::kBF16}) {
      Machinery m;
      TrainerConfig c = test::tiny_config();
      c.compute = compute;
      c.optimizer.kind = kind;
      Trainer trainer(c, m.exec);
      trainer.parameters().init(1, m.exec);
      const DataOrder data = order(c);
      double first = 0, last = 0;
      for (int64_t step = 0; step < 60; ++step) {
        const auto r = trainer.step(data, step, 0.01);
        ASSERT_TRUE(r.ok()) << r.error().message();
        if (step == 0) first = r->loss;
        last = r->loss;
      }
      EXPECT_NEAR(first, std::log(50.0), 0.4);
      EXPECT_LT(last, 1.5);  // the ends of documents and their first tokens stay unknown
    }
  }
}

TEST_F(TrainerTest, TheSameBitsForAnyNumberOfThreads) {
  for (const DType compute : {DType::kF32, DType::kBF16}) {
    TrainerConfig c = test::tiny_config();
    c.compute = compute;
    c.micro_batch = 2;
    std::string want;
    for (const int threads : {1, 2, 3}) {
      Machinery m(threads);
      Trainer trainer(c, m.exec);
      trainer.parameters().init(1, m.exec);
      const std::string got = train(trainer, 0, 5);
      if (threads == 1) want = got;
      EXPECT_TRUE(got == want) << threads << " threads, " << tensor::to_string(compute);
    }
  }
}

TEST_F(TrainerTest, MicroBatchesLearnWhatTheBatchLearns) {
  std::vector<float> want;
  for (const int64_t micro : {8, 4, 2, 1}) {
    Machinery m;
    TrainerConfig c = test::tiny_config();
    c.micro_batch = micro;
    Trainer trainer(c, m.exec);
    trainer.parameters().init(1, m.exec);
    train(trainer, 0, 3);
    const float* w = trainer.parameters().master();
    if (want.empty()) want.assign(w, w + trainer.parameters().size());
    for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(w[i], want[i], 2e-4) << micro;
  }
}

TEST_F(TrainerTest, ResumesToTheBit) {
  for (const OptimizerKind kind : {OptimizerKind::kAdamW, OptimizerKind::kMuon}) {
    Machinery m;
    TrainerConfig c = test::tiny_config();
    c.compute = DType::kBF16;
    c.optimizer.kind = kind;
    Trainer whole(c, m.exec);
    whole.parameters().init(1, m.exec);
    const std::string folder = folder_.path("checkpoints");
    std::filesystem::remove_all(folder);
    std::string want;
    {
      CheckpointWriter writer(*env_, folder);
      train(whole, 0, 2);
      ASSERT_TRUE(writer.begin(whole, 2, {}).ok());
      train(whole, 2, 3);
      ASSERT_TRUE(writer.begin(whole, 3, {{"note", "kept"}}).ok());
      want = train(whole, 3, 7);
      ASSERT_TRUE(writer.begin(whole, 7, {}).ok());
      ASSERT_TRUE(writer.wait().ok());
    }
    EXPECT_FALSE(env_->exists(path_join(folder, "step-00000002")));  // the last two are kept
    const auto newest = newest_checkpoint(*env_, folder);
    ASSERT_TRUE(newest.ok());
    EXPECT_EQ(path_base(*newest), "step-00000007");

    Machinery other(3);
    Trainer resumed(c, other.exec);
    const auto state = read_checkpoint(*env_, path_join(folder, "step-00000003"), resumed);
    ASSERT_TRUE(state.ok()) << state.error().message();
    EXPECT_EQ(state->step, 3);
    EXPECT_EQ(state->more.at("note").as_string(), "kept");
    EXPECT_TRUE(train(resumed, 3, 7) == want);

    // A checkpoint is a model folder.
    const auto model = nn::Decoder::load(*env_, m.exec, *newest, DType::kBF16);
    ASSERT_TRUE(model.ok()) << model.error().message();
    for (size_t i = 0; i < whole.decoder().weights().size(); ++i) {
      const tensor::Tensor& a = whole.decoder().weights()[i];
      EXPECT_EQ(0, std::memcmp(a.raw(), (*model)->weights()[i].raw(), a.bytes()));
    }
  }
}

TEST_F(TrainerTest, ATornCheckpointIsAnErrorThatNamesTheTensor) {
  Machinery m;
  const TrainerConfig c = test::tiny_config();
  Trainer trainer(c, m.exec);
  trainer.parameters().init(1, m.exec);
  CheckpointWriter writer(*env_, folder_.path("checkpoints"));
  ASSERT_TRUE(writer.begin(trainer, 1, {}).ok());
  ASSERT_TRUE(writer.wait().ok());
  const std::string file = folder_.path("checkpoints/step-00000001/optimizer.safetensors");
  ASSERT_TRUE(env_->truncate(file, *env_->file_size(file) - 4).ok());
  const auto r = read_checkpoint(*env_, folder_.path("checkpoints/step-00000001"), trainer);
  ASSERT_FALSE(r.ok());
  EXPECT_NE(r.error().message().find("optimizer.safetensors: tensor second.model.norm.weight"),
            std::string::npos)
      << r.error().message();
}

TEST_F(TrainerTest, NotANumberIsNotLearnt) {
  Machinery m;
  const TrainerConfig c = test::tiny_config();
  Trainer trainer(c, m.exec);
  trainer.parameters().init(1, m.exec);
  trainer.parameters().master()[trainer.parameters().list()[4].begin] =
      std::numeric_limits<float>::quiet_NaN();
  const std::string before = bits(trainer);
  const auto r = trainer.step(order(c), 0, 0.01);
  ASSERT_FALSE(r.ok());
  EXPECT_NE(r.error().message().find("step 0"), std::string::npos);
  EXPECT_NE(r.error().message().find("first bad gradient is of model."), std::string::npos);
  EXPECT_TRUE(bits(trainer) == before);
}

TEST_F(TrainerTest, WritesTheModelItTrained) {
  for (const DType compute : {DType::kF32, DType::kBF16}) {
    Machinery m;
    TrainerConfig c = test::tiny_config();
    c.compute = compute;
    Trainer trainer(c, m.exec);
    trainer.parameters().init(1, m.exec);
    train(trainer, 0, 2);
    const std::string out = folder_.path(std::string(tensor::to_string(compute)));
    ASSERT_TRUE(env_->make_dirs(out).ok());
    ASSERT_TRUE(write_model(*env_, out, trainer.parameters()).ok());
    const auto model = nn::Decoder::load(*env_, m.exec, out, compute);
    ASSERT_TRUE(model.ok()) << model.error().message();
    for (size_t i = 0; i < trainer.decoder().weights().size(); ++i) {
      const tensor::Tensor& a = trainer.decoder().weights()[i];
      if (compute == DType::kBF16 && a.dtype() == DType::kF32) continue;  // gains are stored rounded
      EXPECT_EQ(0, std::memcmp(a.raw(), (*model)->weights()[i].raw(), a.bytes()));
    }
  }
}

TEST(MemoryPlan, GrowsWithWhatItCounts) {
  TrainerConfig c = test::tiny_config();
  const MemoryPlan one = plan_memory(c, 2);
  c.micro_batch = 1;
  const MemoryPlan small = plan_memory(c, 2);
  EXPECT_LT(small.activations, one.activations);
  EXPECT_EQ(small.gradients, 4 * one.gradients);
  EXPECT_EQ(one.moments, 8 * static_cast<uint64_t>(c.model.parameter_count()));
}

}  // namespace
}  // namespace leam::learn
