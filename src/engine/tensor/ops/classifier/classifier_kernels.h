#pragma once

#include "engine/tensor/ops/op.h"

namespace leam::tensor {

struct ClassifierKernels {
  // row_losses (N) f32 is written. With p = softmax(z) and d[n] = p[n] − onehot(targets[n]), 0 where
  // ignored: dx (N, C) f32 = d · w and dw (V, C) f32 = dᵀ · x; either may be undefined: not wanted.
  void (*run)(const Exec& exec, const Tensor& x, const Tensor& w, const Tensor& targets, Tensor& row_losses,
              Tensor& dx, Tensor& dw);
};

extern const ClassifierKernels kClassifierRefF32, kClassifierRefBF16;
extern const ClassifierKernels kClassifierOneDnn;  // either type

}  // namespace leam::tensor
