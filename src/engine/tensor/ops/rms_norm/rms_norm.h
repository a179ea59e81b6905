// y[n,c] = gain[c] · x[n,c] / sqrt(mean_c(x[n,c]²) + eps)      (Zhang and Sennrich, 2019)
// x (N, C), gain (C) f32 → y (N, C).
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor {

Var rms_norm(Tape& tape, const Var& x, const Var& gain, float eps);

}  // namespace leam::tensor
