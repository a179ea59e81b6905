// y = silu(gate) ∘ up,  silu(z) = z / (1 + e^-z)      (Shazeer, 2020).  gate, up (N, F) → y (N, F).
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor {

Var swiglu(Tape& tape, const Var& gate, const Var& up);

}  // namespace leam::tensor
