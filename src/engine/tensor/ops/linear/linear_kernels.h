#pragma once

#include "engine/tensor/ops/op.h"

namespace leam::tensor {

struct LinearKernels {
  // What prepared_for_linear() keeps beside w, or null: nothing to gain.
  std::shared_ptr<const void> (*prepare)(const Exec& exec, const Tensor& w);
  void (*forward)(const Exec& exec, const Tensor& x, const Tensor& w, Tensor& y);
  void (*backward_dx)(const Exec& exec, const Tensor& dy, const Tensor& w, const GradOut& dx);
  // dw (O, I) f32 += dyᵀ · x
  void (*backward_dw)(const Exec& exec, const Tensor& dy, const Tensor& x, Tensor& dw);
};

extern const LinearKernels kLinearRefF32, kLinearRefBF16;
extern const LinearKernels kLinearOneDnn;  // either type

}  // namespace leam::tensor
