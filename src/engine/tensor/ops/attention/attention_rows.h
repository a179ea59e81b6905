// Vector passes over tiles of attention scores, for attention_cpu.cc. A tile has up to kQueries
// rows and exactly kKeys columns, f32, row-major.
#pragma once

#include <cstdint>

#include "engine/tensor/tensor.h"

namespace leam::tensor::cpu {

inline constexpr int64_t kQueries = 64, kKeys = 128;

// Which keys of a tile a row sees: row r the first min(kKeys, seen + r·step) ones, at least one.
struct Visible {
  int64_t seen = kKeys;
  int64_t step = 0;
  int64_t of(int64_t row) const { return seen + row * step < kKeys ? seen + row * step : kKeys; }
};

// One step of the online softmax (Milakov and Gimelshein, 2018) for every row, in powers of two: with
// f = log2(e) · scale and s = f · score,
//   m' = max(m, s), p = 2^(s − m'), l' = l · 2^(m − m') + Σ p, and o (rows, D) times 2^(m − m').
// p goes to `p` in `type`, zeros for keys that are not seen and for rows up to kQueries.
void softmax_step(const float* score, int64_t rows, Visible visible, float scale, float* m, float* l,
                  float* o, int64_t D, void* p, DType type);

// y[r] = o[r] / l[r], rows of y lie ld apart; lse[r · lse_step] = ln Σ_s exp(scale · score) if not null.
void softmax_finish(const float* o, const float* m, const float* l, int64_t rows, int64_t D, void* y,
                    int64_t ld, DType type, float* lse, int64_t lse_step);

// p = exp(scale · score − lse) and ds = scale · p ∘ (dp − delta), zeros as above.
void softmax_back(const float* score, const float* dp, int64_t rows, Visible visible, float scale,
                  const float* lse, const float* delta, void* p, void* ds, DType type);

// A dense copy (height, D) in `inner` of rows that lie ld apart, with zero rows behind them.
void gather_rows(const void* from, int64_t ld, DType type, int64_t rows, int64_t height, int64_t D, void* to,
                 DType inner);
// to[r] (+)= from[r], f32 into rows that lie ld apart.
void put_rows(const float* from, int64_t rows, int64_t D, void* to, int64_t ld, DType type, bool accumulate);
// Σ_d a[d]·b[d]
float dot(const void* a, const void* b, DType type, int64_t D);

}  // namespace leam::tensor::cpu
