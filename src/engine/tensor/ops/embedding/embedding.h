// y[n] = table[ids[n]].  table (V, C), ids (N) i32 in [0, V) → y (N, C) of the table's type.
// The gradient of the table is summed over equal ids in ascending n, so it does not depend on threads.
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor {

Var embedding(Tape& tape, const Var& table, const Tensor& ids);

}  // namespace leam::tensor
