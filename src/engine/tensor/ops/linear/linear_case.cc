#include <cmath>

#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

TEST(Linear, Case) {
  for (const auto& [N, I, O] : {std::array<int64_t, 3>{1, 1, 1},
                                {5, 7, 3},
                                {17, 33, 65},
                                {70, 100, 600},
                                {600, 64, 48},
                                {1030, 32, 16}}) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(I));
    check_operator(
        {.op = OpId::linear,
         .name = "linear N " + std::to_string(N) + " I " + std::to_string(I) + " O " + std::to_string(O),
         .inputs = {{{N, I}}, {.shape = {O, I}, .scale = scale, .parameter = true}},
         .apply = [](Tape& t, const std::vector<Var>& in) { return linear(t, in[0], in[1]); },
         .check_differences = N * O * I < 100000});
  }
}

// What decoding relies on: one row gives the bits it gives among thousands.
TEST(Linear, RowsStandAlone) {
  Bench bench(2);
  for (DType type : kFloats)
    for (const auto& [N, I, O] :
         {std::array<int64_t, 3>{70, 33, 65}, {200, 384, 1024}, {4096, 384, 384}, {130, 1024, 384}}) {
      const Tensor x = random_tensor(bench.memory, {N, I}, type, 1);
      const Tensor w = random_tensor(bench.memory, {O, I}, type, 2);
      check_rows(N, [&](int64_t begin, int64_t end) {
        Tape tape(bench.exec, false);
        return linear(tape, tape.constant(x.rows(begin, end)), tape.constant(w)).value();
      });
    }
}

TEST(Linear, PreparedWeightsGiveTheSameBits) {
  for (KernelChoice choice : {KernelChoice::kFast, KernelChoice::kReference})
    for (DType type : kFloats) {
      Bench bench(2, choice);
      const Tensor x = random_tensor(bench.memory, {70, 77}, type, 1);
      const Tensor w = random_tensor(bench.memory, {600, 77}, type, 2);
      Tape tape(bench.exec, false);
      const auto y = [&](const Tensor& weights) {
        return linear(tape, tape.constant(x), tape.constant(weights)).value();
      };
      expect_same_bits(y(prepared_for_linear(bench.exec, w)), y(w), "prepared");
    }
}

}  // namespace leam::tensor::test
