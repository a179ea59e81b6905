// y = x · wᵀ.  x (N, I), w (O, I) as Hugging Face stores it → y (N, O).
//   dx = dy · w,   dw += dyᵀ · x   (dw in f32)
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor {

Var linear(Tape& tape, const Var& x, const Var& w);

// For weights that will not change any more (serving): the same tensor with a copy that is arranged for
// products beside it, so that linear() need not arrange it again at every call. Same bits; costs the
// weights' memory once more.
Tensor prepared_for_linear(const Exec& exec, const Tensor& w);

}  // namespace leam::tensor
