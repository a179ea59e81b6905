#pragma once

#include "engine/tensor/ops/op.h"

namespace leam::tensor {

struct RmsNormKernels {
  // rstd (N) f32 receives 1 / sqrt(mean(x²) + eps).
  void (*forward)(const Exec& exec, const Tensor& x, const Tensor& gain, float eps, Tensor& y, Tensor& rstd);
  // With h = rstd·x and g = gain ∘ dy:  dx = rstd · (g − h · mean_c(g ∘ h)),  dgain += Σ_n dy ∘ h.
  // `dgain` is undefined when it is not wanted.
  void (*backward)(const Exec& exec, const Tensor& dy, const Tensor& x, const Tensor& gain,
                   const Tensor& rstd, const GradOut& dx, Tensor& dgain);
};

extern const RmsNormKernels kRmsNormRefF32, kRmsNormRefBF16;
extern const RmsNormKernels kRmsNormHwy;  // either type

}  // namespace leam::tensor
