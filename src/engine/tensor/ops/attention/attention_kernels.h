#pragma once

#include "engine/tensor/ops/attention/attention.h"
#include "engine/tensor/ops/op.h"

namespace leam::tensor {

struct AttentionKernels {
  // lse (N, Hq) f32, if defined, receives log Σ_s exp(score) of every row and head.
  void (*forward)(const Exec& exec, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& starts,
                  const AttentionShape& shape, Tensor& y, Tensor& lse);
  // With P = exp(score − lse), δ[t] = y[t]·dy[t], dP = dy·vᵀ, dS = P ∘ (dP − δ) / sqrt(D):
  //   dq = dS·k,   dk = dSᵀ·q,   dv = Pᵀ·dy   (dk and dv summed over the heads of a group)
  void (*backward)(const Exec& exec, const Tensor& dy, const Tensor& q, const Tensor& k, const Tensor& v,
                   const Tensor& y, const Tensor& lse, const Tensor& starts, const AttentionShape& shape,
                   const GradOut& dq, const GradOut& dk, const GradOut& dv);
  void (*cached)(const Exec& exec, const Tensor& q, const std::vector<Segment>& segments,
                 const AttentionShape& shape, Tensor& y);
};

extern const AttentionKernels kAttentionRefF32, kAttentionRefBF16;
extern const AttentionKernels kAttentionOneDnn;  // either type

}  // namespace leam::tensor
