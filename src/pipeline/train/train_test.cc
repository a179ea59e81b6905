#include "pipeline/train/train.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/artifact/shards.h"
#include "engine/nn/decoder.h"
#include "engine/tensor/dispatch.h"
#include "pipeline/train/choice.h"
#include "pipeline/train/record.h"

namespace leam::train {
namespace {

class TrainTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("leam_train_" + std::to_string(::getpid()) + "_" + info->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "tokens");
    const std::string tokenizer = "{\"model\": {}}";
    ASSERT_TRUE(env_->write_atomic(path("tokens/tokenizer.json"), tokenizer).ok());
    auto writer =
        artifact::ShardWriter::create(*env_, path("tokens/train-00000.tokens"), {64, hash128(tokenizer), 0});
    ASSERT_TRUE(writer.ok());
    for (uint32_t d = 0; d < 60; ++d) {
      std::vector<uint32_t> ids;
      for (uint32_t i = 0; i < 10 + d % 23; ++i) ids.push_back(1 + (d * 7 + i) % 63);
      ids.push_back(0);
      artifact::ShardDocument doc;
      doc.id = hash128(std::to_string(d));
      doc.text_bytes = doc.text_chars = 3 * ids.size();
      doc.lang = d % 2 == 0 ? "de" : "fr";
      ASSERT_TRUE((*writer)->add(doc, ids).ok());
    }
    ASSERT_TRUE((*writer)->close().ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Config config(const std::string& out, const std::string& keys) const {
    const auto file = leam::Config::parse("[train]\ntokens = \"tokens\"\nout = \"" + out + "\"\n" + keys,
                                          path("leam.toml"));
    EXPECT_TRUE(file.ok()) << file.error().message();
    auto c = Config::from(*file);
    EXPECT_TRUE(c.ok()) << (c.ok() ? "" : c.error().message());
    return c.ok() ? *c : Config{};
  }
  static std::string small(int steps) {
    return "d_model = 32\nlayers = 1\nheads = 2\nffn = 48\ncontext = 16\nbatch = 4\nmicro_batch = 2\n"
           "lr = 0.01\nsteps = " +
           std::to_string(steps) + "\n";
  }
  std::string error_of(const std::string& keys) const {
    const auto file = leam::Config::parse("[train]\n" + keys, path("leam.toml"));
    if (!file.ok()) return file.error().message();
    const auto c = Config::from(*file);
    return c.ok() ? "" : c.error().message();
  }
  Result<void> train(Env& env, const Config& c, int threads = 2) {
    ThreadPool pool(threads);
    QuietReporter reporter;
    Context ctx{env, pool, reporter, stop_, c.seed};
    return run(c, ctx);
  }
  std::string bytes(const std::string& name) const {
    const auto text = env_->read_file(path(name));
    return text.ok() ? *text : "missing " + name;
  }

  std::filesystem::path folder_;
  std::unique_ptr<Env> env_ = Env::real();
  StopFlag stop_;
};

TEST_F(TrainTest, WritesACompleteModelFolder) {
  const Config c = config("model", small(30));
  const auto r = train(*env_, c);
  ASSERT_TRUE(r.ok()) << r.error().message();
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "generation_config.json",
                           "README.md", "manifest.json", "run/record.json", "run/metrics.jsonl"})
    EXPECT_TRUE(env_->exists(path("model/" + std::string(name)))) << name;
  EXPECT_FALSE(env_->exists(path("model/.work")));
  EXPECT_EQ(bytes("model/tokenizer.json"), bytes("tokens/tokenizer.json"));

  const auto record = parse_json(bytes("model/run/record.json"), "record.json");
  ASSERT_TRUE(record.ok());
  const json::object& o = record->get_object();
  EXPECT_EQ(o.at("steps").as_int64(), 30);
  EXPECT_EQ(o.at("tokens").as_int64(), 30 * 4 * 16);
  EXPECT_LT(o.at("loss").to_number<double>(), o.at("first_loss").to_number<double>());
  EXPECT_TRUE(o.contains("energy") && o.contains("machine") && o.contains("cost") && o.contains("inputs"));
  const std::string metrics = bytes("model/run/metrics.jsonl");
  EXPECT_EQ(std::count(metrics.begin(), metrics.end(), '\n'), 30);

  ThreadPool pool(1);
  tensor::Memory memory;
  const tensor::Dispatch dispatch;
  const auto model = nn::Decoder::load(*env_, {pool, memory, dispatch}, path("model"), tensor::DType::kF32);
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ((*model)->config().bos_id, 0);
  EXPECT_EQ((*model)->config().max_context, 16);

  // Nothing to do the second time.
  const auto before = std::filesystem::last_write_time(path("model/model.safetensors"));
  ASSERT_TRUE(train(*env_, c).ok());
  EXPECT_EQ(before, std::filesystem::last_write_time(path("model/model.safetensors")));
}

TEST_F(TrainTest, TwoRunsAreIdenticalWithAnyThreads) {
  ASSERT_TRUE(train(*env_, config("a", small(12)), 1).ok());
  ASSERT_TRUE(train(*env_, config("b", small(12)), 3).ok());
  for (const char* name : {"model.safetensors", "config.json", "README.md", "manifest.json"})
    EXPECT_TRUE(bytes("a/" + std::string(name)) == bytes("b/" + std::string(name))) << name;
  ASSERT_TRUE(train(*env_, config("c", small(12) + "[project]\nseed = 2\n")).ok());
  EXPECT_FALSE(bytes("a/model.safetensors") == bytes("c/model.safetensors"));
}

// kill -9 at many moments; the same command again gives the model of an undisturbed run.
TEST_F(TrainTest, AKilledRunResumesToTheBit) {
  const std::string keys = small(10) + "checkpoint_interval = 0.001\n";
  ASSERT_TRUE(train(*env_, config("whole", keys)).ok());
  const Config c = config("killed", keys);
  int kills = 0;
  for (uint64_t at = 3; at < 400; at += 29) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto env = faulty_env(Env::real(), Fault::kKill, at);
      ::_exit(train(*env, c).ok() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), 137);
    ++kills;
  }
  EXPECT_GT(kills, 2);
  const auto r = train(*env_, c);
  ASSERT_TRUE(r.ok()) << r.error().message();
  for (const char* name : {"model.safetensors", "config.json", "README.md"})
    EXPECT_TRUE(bytes("whole/" + std::string(name)) == bytes("killed/" + std::string(name))) << name;
  const std::string metrics = bytes("killed/run/metrics.jsonl");
  EXPECT_EQ(std::count(metrics.begin(), metrics.end(), '\n'), 10);
}

TEST_F(TrainTest, AFullDiskIsAnErrorAndGoesOnAfterwards) {
  const std::string keys = small(6) + "checkpoint_interval = 0.001\n";
  ASSERT_TRUE(train(*env_, config("whole", keys)).ok());
  const Config c = config("full", keys);
  for (const uint64_t at : {5, 20, 60}) {
    const auto env = faulty_env(Env::real(), Fault::kFull, at);
    const auto r = train(*env, c);
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().code(), ErrorCode::kFull) << r.error().message();
  }
  ASSERT_TRUE(train(*env_, c).ok());
  EXPECT_TRUE(bytes("whole/model.safetensors") == bytes("full/model.safetensors"));
}

TEST_F(TrainTest, CtrlCSavesAndResumes) {
  ASSERT_TRUE(train(*env_, config("whole", small(8))).ok());
  const Config c = config("stopped", small(8));
  stop_.request();
  const auto r = train(*env_, c);
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code(), ErrorCode::kInterrupted);
  EXPECT_TRUE(env_->exists(path("stopped/.work/checkpoints/step-00000000/state.json")));
  StopFlag go;
  ThreadPool pool(2);
  QuietReporter reporter;
  Context ctx{*env_, pool, reporter, go, c.seed};
  ASSERT_TRUE(run(c, ctx).ok());
  EXPECT_TRUE(bytes("whole/model.safetensors") == bytes("stopped/model.safetensors"));
}

TEST_F(TrainTest, ABudgetIsKept) {
  // More text than five seconds read four times.
  auto writer = artifact::ShardWriter::create(*env_, path("tokens/train-00001.tokens"),
                                              {64, hash128(bytes("tokens/tokenizer.json")), 0});
  ASSERT_TRUE(writer.ok());
  std::vector<uint32_t> ids(1 << 20);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<uint32_t>(1 + i * i % 63);
  ids.back() = 0;
  ASSERT_TRUE((*writer)->add({}, ids).ok());
  ASSERT_TRUE((*writer)->close().ok());
  const int64_t began = env_->monotonic_ns();
  const auto r = train(*env_, config("model", "budget = \"5s\"\ncontext = 16\nbatch = 4\nd_model = 32\n"));
  ASSERT_TRUE(r.ok()) << r.error().message();
  const double seconds = static_cast<double>(env_->monotonic_ns() - began) * 1e-9;
  EXPECT_LT(seconds, 5.5);
  EXPECT_GT(seconds, 3.5);
  const auto record = parse_json(bytes("model/run/record.json"), "record.json");
  ASSERT_TRUE(record.ok());
  EXPECT_GE(record->at("horizon").as_array().size(), 1U);
}

TEST_F(TrainTest, TokensOfAnotherTokenizerAreRefused) {
  ASSERT_TRUE(env_->write_atomic(path("tokens/tokenizer.json"), "{}").ok());
  const auto r = train(*env_, config("model", small(3)));
  ASSERT_FALSE(r.ok());
  EXPECT_NE(r.error().message().find("tokenizer.json"), std::string::npos) << r.error().message();
}

TEST_F(TrainTest, WhatCannotFitSaysSoWithTheNumber) {
  const auto r = train(*env_, config("model", "d_model = 65536\nlayers = 1000\nheads = 1024\nsteps = 1\n"));
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code(), ErrorCode::kFull);
  EXPECT_NE(r.error().message().find("of memory and the machine has"), std::string::npos);
}

TEST_F(TrainTest, ConfigErrorsNameTheKey) {
  EXPECT_EQ(error_of("steps = 10"), "");
  EXPECT_NE(error_of("stepps = 10").find("steps"), std::string::npos);
  EXPECT_NE(error_of("steps = 10\nbudget = \"3min\"").find("exclude each other"), std::string::npos);
  EXPECT_NE(error_of("batch = 6\nmicro_batch = 4").find("micro_batch 4"), std::string::npos);
  EXPECT_NE(error_of("d_model = 100\nheads = 3").find("heads"), std::string::npos);
  EXPECT_NE(error_of("dtype = \"fp8\"").find("dtype"), std::string::npos);
}

TEST(Choice, SurvivesItsFile) {
  Choice c;
  c.trainer.model.vocab = 100, c.trainer.model.d_model = 64, c.trainer.model.n_layers = 2;
  c.trainer.model.n_heads = 2, c.trainer.model.n_kv_heads = 2, c.trainer.model.head_dim = 32;
  c.trainer.model.ffn = 128, c.trainer.model.max_context = 32;
  c.trainer.compute = tensor::DType::kBF16;
  c.trainer.optimizer.kind = learn::OptimizerKind::kMuon;
  c.schedule.decay = learn::Decay::kCosine;
  c.schedule.peak = 0.00123;
  c.steps = 77;
  const std::string text = pretty_json(c.to_json());
  const auto back = Choice::from_json(*parse_json(text, "choice.json"), "choice.json");
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(pretty_json(back->to_json()), text);
  EXPECT_FALSE(Choice::from_json(json::object{}, "choice.json").ok());
}

}  // namespace
}  // namespace leam::train
