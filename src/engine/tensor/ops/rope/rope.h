// Rotary position embedding (Su et al., 2021) in the "half" layout of Hugging Face's Llama: in each head
// of width D the pair (i, i + D/2) is turned by the angle position · theta^(-2i/D).
// x (N, H·D), positions (N) i32 → y (N, H·D). The backward turns the other way.
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor {

Var rope(Tape& tape, const Var& x, const Tensor& positions, int n_heads, float theta);

}  // namespace leam::tensor
