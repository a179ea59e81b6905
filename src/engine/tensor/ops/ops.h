// The operators, as functions on a tape. Each one's contract and mathematics stand in its own folder's
// header, which this list only gathers for callers. Activations are f32 or bf16 (as their inputs);
// sums are in f32. N rows are tokens: a row's result never depends on the other rows of the call,
// except in attention, where it depends on its own sequence only.
#pragma once

#include "engine/tensor/ops/add/add.h"
#include "engine/tensor/ops/attention/attention.h"
#include "engine/tensor/ops/classifier/classifier.h"
#include "engine/tensor/ops/embedding/embedding.h"
#include "engine/tensor/ops/linear/linear.h"
#include "engine/tensor/ops/rms_norm/rms_norm.h"
#include "engine/tensor/ops/rope/rope.h"
#include "engine/tensor/ops/swiglu/swiglu.h"
