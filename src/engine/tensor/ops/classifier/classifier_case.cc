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

// Logits far above those of the first panel: the row is done again with a better reference, whatever
// its neighbours in the tile are.
TEST(Classifier, FarLogits) {
  for (DType type : kFloats) {
    Bench fast(2), reference(1, KernelChoice::kReference);
    const int64_t N = 70, C = 16, V = 1300;
    Tensor w32 = random_tensor(fast.memory, {V, C}, DType::kF32, 2);
    for (int64_t i = 0; i < w32.numel(); ++i) w32.data<float>()[i] *= i / C < 600 ? 0.1f : 12.0f;
    Tensor x32 = random_tensor(fast.memory, {N, C}, DType::kF32, 1);
    for (int64_t i = 0; i < N / 2 * C; ++i) x32.data<float>()[i] *= 0.05f;
    const Tensor x = x32.to(fast.memory, type), w = w32.to(fast.memory, type);
    const Tensor targets = random_ids(fast.memory, N, V, 3);
    const auto run = [&](const Exec& exec, int64_t begin, int64_t end, std::vector<Tensor>& grads) {
      grads = {Tensor::zeros(exec.memory, {end - begin, C}, DType::kF32),
               Tensor::zeros(exec.memory, {V, C}, DType::kF32)};
      Tape tape(exec, true);
      Tensor losses;
      tape.backward(classifier_loss(tape, tape.leaf(x.rows(begin, end), &grads[0]), tape.leaf(w, &grads[1]),
                                    targets.rows(begin, end), &losses));
      return losses;
    };
    std::vector<Tensor> got, want, unused;
    const Tensor losses = run(fast.exec, 0, N, got);
    const float tolerance = type == DType::kF32 ? 1e-4f : 2e-2f;
    expect_near(losses, run(reference.exec, 0, N, want), tolerance, "losses");
    expect_near(got[0], want[0], tolerance, "dx");
    expect_near(got[1], want[1], tolerance, "dw");
    expect_same_bits(run(fast.exec, 30, 41, unused), losses.rows(30, 41), "losses of some rows");
  }
}

}  // namespace leam::tensor::test
