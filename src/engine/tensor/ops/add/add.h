// y = a + b, element by element (the residual connection). Shapes and types are equal.
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor {

Var add(Tape& tape, const Var& a, const Var& b);

}  // namespace leam::tensor
