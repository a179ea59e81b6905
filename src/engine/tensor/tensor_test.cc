#include "engine/tensor/tensor.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/tensor/dispatch.h"
#include "engine/tensor/doctor.h"
#include "engine/tensor/ops/case.h"

namespace leam::tensor {
namespace {

// bfloat16 is the upper half of a float, rounded to nearest, ties to even (as in the format's
// definition); every finite value of it survives the way there and back.
TEST(BF16, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const BF16 b{static_cast<uint16_t>(bits)};
    if (std::isnan(to_float(b))) {
      EXPECT_TRUE(std::isnan(to_float(to_bf16(to_float(b)))));
    } else {
      EXPECT_EQ(to_bf16(to_float(b)).bits, bits);
    }
  }
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808000u)).bits, 0x3f80);  // tie, down to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f818000u)).bits, 0x3f82);  // tie, up to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808001u)).bits, 0x3f81);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::max()).bits, 0x7f80);  // beyond the largest: infinity
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

TEST(Shape, CountsAndPrints) {
  const Shape s{3, 4, 5};
  EXPECT_EQ(s.numel(), 60);
  EXPECT_EQ(s.str(), "(3, 4, 5)");
  EXPECT_EQ(Shape({2, 0}).numel(), 0);
  EXPECT_THROW((Shape{-1, 2}), BugError);
  EXPECT_THROW(static_cast<void>(Shape({int64_t{1} << 40, int64_t{1} << 40}).numel()), BugError);
}

TEST(Memory, GivesBlocksAgainAndCounts) {
  Memory memory;
  const void* first = nullptr;
  {
    const auto block = memory.allocate(1000);
    first = block.get();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0U);
    EXPECT_GE(memory.bytes_in_use(), 1000U);
  }
  EXPECT_EQ(memory.bytes_in_use(), 0U);
  EXPECT_EQ(memory.allocate(990).get(), first);
  EXPECT_GE(memory.peak_bytes(), 1000U);
  memory.trim();
  const auto big = memory.allocate(size_t{5} << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(big.get()) % (size_t{2} << 20), 0U);
}

TEST(Memory, OutlivedByItsTensors) {
  Tensor t;
  {
    Memory memory;
    t = Tensor::zeros(memory, {100, 100}, DType::kF32);
  }
  EXPECT_EQ(t.data<float>()[9999], 0.0f);
}

TEST(Tensor, ViewsAndCuts) {
  Memory memory;
  const float values[] = {1, 2, 3, 4, 5, 6};
  const Tensor t = Tensor::of(memory, {3, 2}, values);
  EXPECT_EQ(t.rows(1, 3).data<float>()[0], 3.0f);
  EXPECT_EQ(t.rows(1, 3).shape(), (Shape{2, 2}));
  EXPECT_EQ(t.rows(3, 3).numel(), 0);
  EXPECT_EQ(t.reshaped({6}).data<float>()[5], 6.0f);
  EXPECT_THROW(t.rows(2, 4), BugError);
  EXPECT_THROW(t.reshaped({5}), BugError);
  EXPECT_THROW(static_cast<void>(t.data<BF16>()), BugError);
  EXPECT_EQ(to_float(t.to(memory, DType::kBF16).data<BF16>()[4]), 5.0f);
}

TEST(Tape, FreesWhatNobodyNeeds) {
  test::Bench bench;
  Memory& memory = bench.memory;
  const Tensor x = test::random_tensor(memory, {64, 1024}, DType::kF32, 1);
  Tensor grad = Tensor::zeros(memory, x.shape(), DType::kF32);
  const size_t before = memory.bytes_in_use();
  {
    Tape tape(bench.exec, true);
    Var v = tape.leaf(x, &grad);
    // add() keeps no values for its backward pass: a long chain holds one intermediate at a time.
    for (int i = 0; i < 50; ++i) v = add(tape, v, v);
    EXPECT_LE(memory.bytes_in_use(), before + 2 * x.bytes());
  }
  EXPECT_EQ(memory.bytes_in_use(), before);
}

TEST(Tape, DeepChainsDoNotRecurse) {
  test::Bench bench;
  const float one[] = {1.0f};
  Tensor grad = Tensor::zeros(bench.memory, {1}, DType::kF32);
  const Tensor zero = Tensor::zeros(bench.memory, {1}, DType::kF32);
  Tape tape(bench.exec, true);
  Var v = tape.leaf(Tensor::of(bench.memory, {1}, one), &grad);
  for (int i = 0; i < 200000; ++i) v = add(tape, v, tape.constant(zero));
  {
    Tape unused(bench.exec, true);
    Var w = unused.leaf(Tensor::of(bench.memory, {1}, one), &grad);
    for (int i = 0; i < 200000; ++i) w = add(unused, w, unused.constant(zero));
  }
  tape.backward(v, 2.0f);
  EXPECT_EQ(grad.data<float>()[0], 2.0f);
  EXPECT_THROW(tape.backward(v), BugError);
}

TEST(Tape, WithoutRecordingKeepsNothing) {
  test::Bench bench;
  const Tensor x = test::random_tensor(bench.memory, {8, 8}, DType::kF32, 1);
  Tensor grad = Tensor::zeros(bench.memory, x.shape(), DType::kF32);
  Tape tape(bench.exec, false);
  const Var v = tape.leaf(x, &grad);
  EXPECT_FALSE(v.wants_grad());
  EXPECT_FALSE(add(tape, v, v).wants_grad());
}

TEST(Dispatch, LetsTheEnvironmentForceTheReference) {
  EXPECT_EQ(kernel_choice(nullptr).value(), KernelChoice::kFast);
  EXPECT_EQ(kernel_choice("ref").value(), KernelChoice::kReference);
  EXPECT_FALSE(kernel_choice("fast?").ok());
  const Dispatch fast, reference(KernelChoice::kReference);
  for (size_t op = 0; op < kOperators; ++op)
    for (DType type : test::kFloats) {
      const auto id = static_cast<OpId>(op);
      EXPECT_EQ(reference.chosen(Device::kCpu, id, type).name, "ref");
      EXPECT_NE(fast.chosen(Device::kCpu, id, type).name, "ref") << to_string(id);
      EXPECT_EQ(fast.available(Device::kCpu, id, type).back().name, "ref") << to_string(id);
    }
}

TEST(Doctor, NamesKernelsAndRates) {
  test::Bench bench(2);
  const json::object d = doctor(bench.exec);
  EXPECT_EQ(d.at("operators").as_array().size(), 2 * kOperators);
  for (const json::value& p : d.at("products").as_array()) EXPECT_GT(p.at("gflops").as_double(), 0.0);
  EXPECT_GT(d.at("memory_gb_per_s").as_double(), 0.0);
}

}  // namespace
}  // namespace leam::tensor
