#pragma once

#include "engine/tensor/ops/op.h"

namespace leam::tensor {

struct AddKernels {
  // y = a + b, numel elements
  void (*forward)(const Exec& exec, const Tensor& a, const Tensor& b, Tensor& y);
};

extern const AddKernels kAddRefF32, kAddRefBF16;
extern const AddKernels kAddHwy;  // either type

}  // namespace leam::tensor
