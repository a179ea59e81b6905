#include "engine/tensor/cpu/elementwise.h"

#include <cmath>

#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

TEST(Elementwise, AdamWFollowsItsFormula) {
  for (const int64_t n : {1, 15, 70001}) {
    std::vector<Tensor> first;
    for (int threads : {1, 2, 3}) {
      Bench bench(threads);
      Memory& memory = bench.memory;
      const Tensor grad = random_tensor(memory, {n}, DType::kF32, 1);
      Tensor w = random_tensor(memory, {n}, DType::kF32, 2), m = Tensor::zeros(memory, {n}, DType::kF32),
             v = Tensor::zeros(memory, {n}, DType::kF32), copy = Tensor::zeros(memory, {n}, DType::kBF16);
      const auto w0 = values_of(w), g0 = values_of(grad);
      cpu::AdamW a{
          .lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-8f, .weight_decay = 0.1f, .grad_scale = 0.5f};
      for (a.step = 1; a.step <= 3; ++a.step) cpu::adamw(bench.exec, a, grad, w, m, v, &copy);
      const auto got = values_of(w), rounded = values_of(copy);
      for (size_t i = 0; i < w0.size(); i += 97) {
        double x = static_cast<double>(w0[i]), dm = 0, dv = 0;
        const double g = 0.5 * static_cast<double>(g0[i]);
        for (int step = 1; step <= 3; ++step) {
          dm = 0.9 * dm + 0.1 * g;
          dv = 0.99 * dv + 0.01 * g * g;
          x -= 0.01 * (dm / (1 - std::pow(0.9, step)) / (std::sqrt(dv / (1 - std::pow(0.99, step))) + 1e-8) +
                       0.1 * x);
        }
        EXPECT_NEAR(static_cast<double>(got[i]), x, 2e-6);
        EXPECT_EQ(rounded[i], to_float(to_bf16(got[i])));
      }
      if (first.empty()) first = {w, m, v};
      expect_same_bits(w, first[0], "adamw over threads");
      expect_same_bits(v, first[2], "adamw over threads");
    }
  }
}

TEST(Elementwise, NormAndSums) {
  Bench one(1), three(3);
  Tensor x = random_tensor(one.memory, {70001}, DType::kF32, 1);
  double want = 0;
  for (float v : values_of(x)) want += static_cast<double>(v) * static_cast<double>(v);
  EXPECT_NEAR(cpu::squared_norm(one.exec, x), want, 1e-5 * want);
  EXPECT_EQ(cpu::squared_norm(one.exec, x), cpu::squared_norm(three.exec, x));
  Tensor y = x.to(one.memory, DType::kF32), b = Tensor::empty(one.memory, {70001}, DType::kBF16);
  cpu::add_to(three.exec, y, x);
  cpu::scale(three.exec, y, 0.5f);
  expect_same_bits(y, x, "(x + x) / 2");
  cpu::copy(three.exec, x, b);
  expect_same_bits(b, x.to(one.memory, DType::kBF16), "rounding");
  cpu::fill_zero(three.exec, y);
  EXPECT_EQ(cpu::squared_norm(one.exec, y), 0.0);
}

}  // namespace leam::tensor::test
