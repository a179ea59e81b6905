#include <cmath>

#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

TEST(Rope, Case) {
  Memory memory;
  for (const auto& [N, H, D] : {std::array<int64_t, 3>{1, 1, 2}, {9, 3, 10}, {65, 6, 64}}) {
    const Tensor positions = random_ids(memory, N, 3000, 5);
    check_operator({.op = OpId::rope,
                    .name = "rope",
                    .inputs = {{{N, H * D}}},
                    .apply = [&](Tape& t, const std::vector<Var>& in) {
                      return rope(t, in[0], positions, static_cast<int>(H), 10000.0f);
                    }});
  }
}

TEST(Rope, KeepsLengthsAndPositionZero) {
  Bench bench;
  const Tensor x = random_tensor(bench.memory, {2, 16}, DType::kF32, 1);
  const int32_t positions[] = {0, 100000};
  Tape tape(bench.exec, false);
  const auto y =
      values_of(rope(tape, tape.constant(x), Tensor::of(bench.memory, {2}, positions), 2, 1e4f).value());
  const auto v = values_of(x);
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(y[i], v[i]);
  float before = 0, after = 0;
  for (size_t i = 16; i < 32; ++i) {
    before += v[i] * v[i];
    after += y[i] * y[i];
  }
  EXPECT_NEAR(before, after, 1e-5f * before);
}

TEST(Rope, RowsStandAlone) {
  Bench bench(2);
  for (DType type : kFloats) {
    const Tensor x = random_tensor(bench.memory, {70, 6 * 22}, type, 1);
    const Tensor positions = random_ids(bench.memory, 70, 2000, 3);
    check_rows(70, [&](int64_t begin, int64_t end) {
      Tape tape(bench.exec, false);
      return rope(tape, tape.constant(x.rows(begin, end)), positions.rows(begin, end), 6, 1e4f).value();
    });
  }
}

}  // namespace leam::tensor::test
