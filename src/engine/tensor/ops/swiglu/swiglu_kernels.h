#pragma once

#include "engine/tensor/ops/op.h"

namespace leam::tensor {

struct SwigluKernels {
  void (*forward)(const Exec& exec, const Tensor& gate, const Tensor& up, Tensor& y);
  // dup = dy ∘ silu(gate),  dgate = dy ∘ up ∘ silu'(gate),  silu'(z) = σ(z) (1 + z (1 − σ(z)))
  void (*backward)(const Exec& exec, const Tensor& dy, const Tensor& gate, const Tensor& up,
                   const GradOut& dgate, const GradOut& dup);
};

extern const SwigluKernels kSwigluRefF32, kSwigluRefBF16;
extern const SwigluKernels kSwigluHwy;  // either type

}  // namespace leam::tensor
