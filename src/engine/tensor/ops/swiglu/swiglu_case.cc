#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

TEST(Swiglu, Case) {
  for (const Shape& shape : {Shape{1, 1}, Shape{7, 13}, Shape{33, 1024}}) {
    check_operator({.op = OpId::swiglu,
                    .name = "swiglu" + shape.str(),
                    .inputs = {{shape, 2.0f}, {shape}},
                    .apply = [](Tape& t, const std::vector<Var>& in) { return swiglu(t, in[0], in[1]); }});
  }
}

TEST(Swiglu, RowsStandAlone) {
  Bench bench(2);
  for (DType type : kFloats) {
    const Tensor gate = random_tensor(bench.memory, {70, 77}, type, 1, 3.0f);
    const Tensor up = random_tensor(bench.memory, {70, 77}, type, 2);
    check_rows(70, [&](int64_t begin, int64_t end) {
      Tape tape(bench.exec, false);
      return swiglu(tape, tape.constant(gate.rows(begin, end)), tape.constant(up.rows(begin, end))).value();
    });
  }
}

// Where e^z leaves the range of f32, the limit is right and nothing becomes NaN.
TEST(Swiglu, FarOut) {
  Bench bench;
  const float far[] = {-1e4f, -200.0f, -88.0f, 88.0f, 200.0f, 1e4f};
  const Tensor gate = Tensor::of(bench.memory, {1, 6}, far);
  const float ones[] = {1, 1, 1, 1, 1, 1};
  Tape tape(bench.exec, false);
  const auto y = values_of(
      swiglu(tape, tape.constant(gate), tape.constant(Tensor::of(bench.memory, {1, 6}, ones))).value());
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(y[i], 0.0f, 1e-30f);
  for (size_t i = 3; i < 6; ++i) EXPECT_FLOAT_EQ(y[i], far[i]);
}

}  // namespace leam::tensor::test
