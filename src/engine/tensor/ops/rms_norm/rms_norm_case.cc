#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

TEST(RmsNorm, Case) {
  for (const Shape& shape : {Shape{1, 2}, Shape{7, 13}, Shape{130, 384}}) {
    check_operator(
        {.op = OpId::rms_norm,
         .name = "rms_norm" + shape.str(),
         .inputs = {{shape},
                    {.shape = {shape[1]}, .scale = 0.2f, .parameter = true, .always_f32 = true, .shift = 1}},
         .apply = [](Tape& t, const std::vector<Var>& in) { return rms_norm(t, in[0], in[1], 1e-5f); }});
  }
}

TEST(RmsNorm, RowsStandAlone) {
  Bench bench(2);
  for (DType type : kFloats)
    for (int64_t C : {13, 384}) {
      const Tensor x = random_tensor(bench.memory, {70, C}, type, 1);
      const Tensor gain = random_tensor(bench.memory, {C}, DType::kF32, 2);
      check_rows(70, [&](int64_t begin, int64_t end) {
        Tape tape(bench.exec, false);
        return rms_norm(tape, tape.constant(x.rows(begin, end)), tape.constant(gain), 1e-6f).value();
      });
    }
}

}  // namespace leam::tensor::test
