// The decoder against Hugging Face transformers: tests/fixtures/llama_tiny was made by it (make.py there).
#include "engine/nn/decoder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/artifact/safetensors.h"
#include "base/core/test_fixture.h"
#include "engine/tensor/dispatch.h"

namespace leam::nn {
namespace {

using tensor::DType;
using tensor::Tensor;

std::string fixture() {
  return test_fixture("llama_tiny");
}

struct Machinery {
  explicit Machinery(int threads = 2, tensor::KernelChoice choice = tensor::KernelChoice::kFast)
      : pool(threads), dispatch(choice) {}
  ThreadPool pool;
  tensor::Memory memory;
  tensor::Dispatch dispatch;
  tensor::Exec exec{pool, memory, dispatch};
};

class DecoderTest : public testing::Test {
 protected:
  void SetUp() override {
    auto e = artifact::SafeTensors::open(*env_, path_join(fixture(), "expected.safetensors"));
    ASSERT_TRUE(e.ok()) << e.error().message();
    expected_ = std::make_unique<artifact::SafeTensors>(std::move(*e));
  }
  template <class T>
  std::vector<T> expected(const std::string& name) const {
    const std::string_view bytes = expected_->bytes(name);
    std::vector<T> out(bytes.size() / sizeof(T));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  std::unique_ptr<Decoder> load(const tensor::Exec& exec, DType compute = DType::kF32) const {
    auto d = Decoder::load(*env_, exec, fixture(), compute);
    EXPECT_TRUE(d.ok()) << (d.ok() ? "" : d.error().message());
    return d.ok() ? std::move(*d) : nullptr;
  }
  Batch batch(tensor::Memory& memory) const {
    Batch b{2,
            12,
            Tensor::of(memory, {24}, expected<int32_t>("ids")),
            Tensor::of(memory, {24}, expected<int32_t>("targets")),
            {},
            {}};
    std::vector<int32_t> positions(24), starts(24, 0);
    for (size_t i = 0; i < 24; ++i) positions[i] = static_cast<int32_t>(i % 12);
    b.positions = Tensor::of(memory, {24}, positions);
    b.starts = Tensor::of(memory, {24}, starts);
    return b;
  }

  std::unique_ptr<Env> env_ = Env::real();
  std::unique_ptr<artifact::SafeTensors> expected_;
};

// The largest difference relative to the largest expected magnitude.
double relative(std::span<const float> got, std::span<const float> want) {
  double diff = 0, scale = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    diff = std::max(diff, std::abs(double{got[i]} - double{want[i]}));
    scale = std::max(scale, std::abs(double{want[i]}));
  }
  return diff / scale;
}

std::span<const float> floats(const Tensor& t) {
  return {t.data<float>(), static_cast<size_t>(t.numel())};
}

TEST_F(DecoderTest, LogitsAreThoseOfTransformers) {
  Machinery m;
  const auto model = load(m.exec);
  ASSERT_NE(model, nullptr);
  const std::vector<int32_t> ids = expected<int32_t>("ids");
  KvSlot a = model->make_slot(m.memory, 12), b = model->make_slot(m.memory, 20);
  const Chunk chunks[] = {{std::span(ids).first(12), 0, &a, Want::kAll},
                          {std::span(ids).subspan(12), 0, &b, Want::kAll}};
  const Tensor z = model->logits(m.exec, chunks);
  ASSERT_EQ(z.shape(), (tensor::Shape{24, 64}));
  EXPECT_LT(relative(floats(z), expected<float>("logits")), 1e-5);
}

TEST_F(DecoderTest, LossAndGradientsAreThoseOfTransformers) {
  Machinery m;
  const auto model = load(m.exec);
  ASSERT_NE(model, nullptr);
  std::vector<Tensor> grads;
  for (const ParameterSpec& p : model->config().parameters())
    grads.push_back(Tensor::zeros(m.memory, p.shape, DType::kF32));
  tensor::Tape tape(m.exec, true);
  const tensor::Var loss = model->loss(tape, batch(m.memory), grads);
  EXPECT_NEAR(loss.value().data<float>()[0] / expected<float>("loss")[0], 1.0, 1e-6);
  tape.backward(loss);
  const auto specs = model->config().parameters();
  for (size_t i = 0; i < specs.size(); ++i)
    EXPECT_LT(relative(floats(grads[i]), expected<float>("grad." + specs[i].name)), 1e-4) << specs[i].name;
}

TEST_F(DecoderTest, RowLossesSumToTheLoss) {
  Machinery m;
  const auto model = load(m.exec);
  ASSERT_NE(model, nullptr);
  const Tensor rows = model->row_losses(m.exec, batch(m.memory));
  double sum = 0;
  for (const float x : floats(rows)) sum += double{x};
  EXPECT_NEAR(sum / double{expected<float>("loss")[0]}, 1.0, 1e-6);
  EXPECT_EQ(rows.data<float>()[3], 0.0F);
  EXPECT_EQ(rows.data<float>()[23], 0.0F);
}

TEST_F(DecoderTest, GreedyTokensAreThoseOfTransformers) {
  Machinery m;
  const auto model = load(m.exec);
  ASSERT_NE(model, nullptr);
  const std::vector<int32_t> want = expected<int32_t>("greedy");
  KvSlot slot = model->make_slot(m.memory, 45);
  std::vector<int32_t> got(want.begin(), want.begin() + 5);
  int64_t done = 0;
  while (got.size() < want.size()) {
    const Chunk chunk{std::span<const int32_t>(got).subspan(static_cast<size_t>(done)), done, &slot,
                      Want::kLast};
    const Tensor z = model->logits(m.exec, {&chunk, 1});
    done = static_cast<int64_t>(got.size());
    const auto row = floats(z);
    got.push_back(static_cast<int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  EXPECT_EQ(got, want);
}

// DESIGN §4.1: the same bits alone, in a batch, in pieces, with any number of threads, in training form.
TEST_F(DecoderTest, ARowDoesNotDependOnItsCompany) {
  for (const DType compute : {DType::kF32, DType::kBF16}) {
    Machinery m, one(1);
    const auto model = load(m.exec, compute);
    ASSERT_NE(model, nullptr);
    const std::vector<int32_t> ids = expected<int32_t>("ids");
    const std::span<const int32_t> first = std::span<const int32_t>(ids).first(12);
    KvSlot whole = model->make_slot(m.memory, 12);
    const Chunk alone{first, 0, &whole, Want::kAll};
    const Tensor z = model->logits(one.exec, {&alone, 1});

    KvSlot pieces = model->make_slot(m.memory, 16), other = model->make_slot(m.memory, 12);
    std::vector<float> got;
    const auto take = [&](const Tensor& t, int64_t rows) {
      got.insert(got.end(), t.data<float>(), t.data<float>() + rows * 64);
    };
    const Chunk p1[] = {{first.first(5), 0, &pieces, Want::kAll},
                        {std::span<const int32_t>(ids).subspan(12, 7), 0, &other, Want::kLast}};
    take(model->logits(m.exec, p1), 5);
    const Chunk p2[] = {{first.subspan(5, 6), 5, &pieces, Want::kAll},
                        {std::span<const int32_t>(ids).subspan(19, 1), 7, &other, Want::kNone}};
    take(model->logits(m.exec, p2), 6);
    const Chunk p3[] = {{first.subspan(11), 11, &pieces, Want::kLast}};
    take(model->logits(m.exec, p3), 1);
    ASSERT_EQ(got.size(), 12U * 64U);
    EXPECT_EQ(0, std::memcmp(got.data(), z.data<float>(), got.size() * 4)) << to_string(compute);

    // The loss of each row, in a batch of two and of one.
    Batch both = batch(m.memory);
    const Tensor two = model->row_losses(m.exec, both);
    const Batch single{1,
                       12,
                       both.ids.rows(0, 12),
                       both.targets.rows(0, 12),
                       both.positions.rows(0, 12),
                       both.starts.rows(0, 12)};
    const Tensor lone = model->row_losses(one.exec, single);
    EXPECT_EQ(0, std::memcmp(two.raw(), lone.raw(), 12 * 4)) << to_string(compute);
  }
}

TEST_F(DecoderTest, DocumentsPackedTogetherDoNotSeeEachOther) {
  Machinery m;
  const auto model = load(m.exec);
  ASSERT_NE(model, nullptr);
  Batch b = batch(m.memory);
  const Tensor apart = model->row_losses(m.exec, b);
  // The same two sequences as documents of one packed row of 24.
  std::vector<int32_t> starts(24);
  for (size_t i = 0; i < 24; ++i) starts[i] = i < 12 ? 0 : 12;
  b.B = 1, b.T = 24, b.starts = Tensor::of(m.memory, {24}, starts);
  const Tensor packed = model->row_losses(m.exec, b);
  EXPECT_EQ(0, std::memcmp(apart.raw(), packed.raw(), 24 * 4));
}

TEST_F(DecoderTest, WeightsThatDoNotFitAreAnErrorThatNamesTheTensor) {
  Machinery m;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("leam_decoder_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(path_join(fixture(), "model.safetensors"), folder / "model.safetensors");
  std::string config = *env_->read_file(path_join(fixture(), "config.json"));
  config.replace(config.find("\"intermediate_size\": 24"), 23, "\"intermediate_size\": 32");
  ASSERT_TRUE(env_->write_atomic((folder / "config.json").string(), config).ok());
  const auto d = Decoder::load(*env_, m.exec, folder.string(), DType::kF32);
  ASSERT_FALSE(d.ok());
  EXPECT_NE(d.error().message().find("model.layers.0.mlp.gate_proj.weight at offset"), std::string::npos)
      << d.error().message();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace leam::nn
