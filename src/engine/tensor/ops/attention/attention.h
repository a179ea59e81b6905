// Causal softmax attention with grouped key/value heads, over packed sequences; no T×T matrix in memory.
//
// Training form: q (B·T, Hq·D), k and v (B·T, Hkv·D), `starts` (B·T) i32: the row (within its own
// sequence of T rows) where the document of this row begins. Row t of sequence b attends to rows
// starts[t] … t of the same sequence: documents packed together do not see each other.
//   y[t] = Σ_s softmax_s(q[t]·k[s] / sqrt(D)) v[s]       Hq is a multiple of Hkv.
//
// Cached form (inference, no gradient): `Segment` is a run of new rows of one sequence whose keys and
// values (the new ones included) lie in cache tensors kc, vc (capacity, Hkv·D); row i of the segment has
// position `start + i` and attends to cache rows 0 … start + i. A row's bits are the same as in the
// training form with the same history, whatever other segments are in the call.
#pragma once

#include <vector>

#include "engine/tensor/tape.h"

namespace leam::tensor {

struct AttentionShape {
  int64_t T = 0;       // rows a sequence
  int n_heads = 1;     // Hq
  int n_kv_heads = 1;  // Hkv
  int64_t head_dim = 0;
};

Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, const Tensor& starts,
              const AttentionShape& shape);

struct Segment {
  int64_t row = 0, rows = 0;  // of q and y
  int64_t start = 0;          // position of the first row
  Tensor kc, vc;              // (capacity, Hkv·D)
};
Tensor attention_cached(const Exec& exec, const Tensor& q, const std::vector<Segment>& segments,
                        const AttentionShape& shape);

}  // namespace leam::tensor
