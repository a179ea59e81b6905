// y = x · wᵀ.  x (N, I), w (O, I) as Hugging Face stores it → y (N, O).
//   dx = dy · w,   dw += dyᵀ · x   (dw in f32)
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor {

Var linear(Tape& tape, const Var& x, const Var& w);

}  // namespace leam::tensor
