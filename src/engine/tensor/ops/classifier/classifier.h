// Fused classifier: cross-entropy straight from the last hidden state. Logits exist only a block of
// rows at a time.
//   z[n] = x[n] · wᵀ,   loss = Σ_{n: targets[n] ≥ 0} (logsumexp_v z[n,v] − z[n, targets[n]])
// x (N, C), w (V, C), targets (N) i32, negative = ignored → loss (1) f32, a sum in nats.
// `row_losses`, if given, becomes a tensor (N) f32 of every row's own loss (0 where ignored).
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor {

Var classifier_loss(Tape& tape, const Var& x, const Var& w, const Tensor& targets,
                    Tensor* row_losses = nullptr);

// z itself, for sampling: x (N, C), w (V, C) of the same type → (N, V) f32, the sums of the products
// without rounding to bf16: the values classifier_loss works on.
Tensor classifier_logits(const Exec& exec, const Tensor& x, const Tensor& w);

}  // namespace leam::tensor
