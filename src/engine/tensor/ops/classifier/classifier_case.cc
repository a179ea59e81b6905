#include <cmath>

#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

TEST(Classifier, Case) {
  Memory memory;
  for (const auto& [N, C, V] :
       {std::array<int64_t, 3>{1, 1, 2}, {9, 16, 37}, {70, 48, 1100}, {300, 24, 515}}) {
    const Tensor targets = random_ids(memory, N, static_cast<int32_t>(V), 5);
    if (N > 4) targets.data<int32_t>()[2] = -1;
    check_operator(
        {.op = OpId::classifier,
         .name = "classifier N " + std::to_string(N) + " C " + std::to_string(C) + " V " + std::to_string(V),
         .inputs = {{{N, C}}, {.shape = {V, C}, .scale = 0.5f, .parameter = true}},
         .apply = [&](Tape& t,
                      const std::vector<Var>& in) { return classifier_loss(t, in[0], in[1], targets); },
         .bf16_tolerance = 3e-2f,
         .check_differences = N * C * V < 100000});
  }
}

TEST(Classifier, RowLossesAndIgnoredRows) {
  Bench bench;
  const Tensor x = random_tensor(bench.memory, {3, 8}, DType::kF32, 1);
  const Tensor w = Tensor::zeros(bench.memory, {10, 8}, DType::kF32);
  const int32_t targets[] = {4, -1, 9};
  Tape tape(bench.exec, false);
  Tensor rows;
  const Var loss = classifier_loss(tape, tape.constant(x), tape.constant(w),
                                   Tensor::of(bench.memory, {3}, targets), &rows);
  EXPECT_NEAR(loss.value().data<float>()[0], 2 * std::log(10.0f), 1e-5f);
  EXPECT_NEAR(rows.data<float>()[0], std::log(10.0f), 1e-6f);
  EXPECT_EQ(rows.data<float>()[1], 0.0f);
}

TEST(Classifier, RowsStandAlone) {
  Bench bench(2);
  for (DType type : kFloats) {
    const Tensor x = random_tensor(bench.memory, {150, 64}, type, 1);
    const Tensor w = random_tensor(bench.memory, {1500, 64}, type, 2);
    const Tensor targets = random_ids(bench.memory, 150, 1500, 3);
    check_rows(150, [&](int64_t begin, int64_t end) {
      Tape tape(bench.exec, false);
      Tensor losses;
      classifier_loss(tape, tape.constant(x.rows(begin, end)), tape.constant(w), targets.rows(begin, end),
                      &losses);
      return losses;
    });
  }
}

}  // namespace leam::tensor::test
