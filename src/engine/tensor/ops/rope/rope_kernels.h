#pragma once

#include "engine/tensor/ops/op.h"

namespace leam::tensor {

struct RopeTurn {
  int n_heads = 1;
  float theta = 10000.0f;
  bool back = false;  // turn by the negative angle
};

struct RopeKernels {
  void (*turn)(const Exec& exec, const Tensor& x, const Tensor& positions, const RopeTurn& turn,
               const GradOut& y);
};

extern const RopeKernels kRopeRefF32, kRopeRefBF16;
extern const RopeKernels kRopeHwy;  // either type

}  // namespace leam::tensor
