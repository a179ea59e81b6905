#include "engine/tensor/ops/attention/attention_rows.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/ops/attention/attention_rows.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/cache_control.h>

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

inline constexpr float kLog2E = 1.44269504088896341f;
inline constexpr size_t kVectors = static_cast<size_t>(kKeys) / hn::MaxLanes(F());

// One row of scores as vectors; keys that are not seen become -inf.
HWY_INLINE void load_scores(const float* score, int64_t seen, VF* s) {
  const F d;
  constexpr auto L = static_cast<int64_t>(hn::MaxLanes(F()));
  for (size_t i = 0; i < kVectors; ++i) s[i] = load(score + static_cast<int64_t>(i) * L);
  if (seen >= kKeys) return;
  const VF none = hn::Set(d, -INFINITY);
  for (size_t i = 0; i < kVectors; ++i) {
    const int64_t left = seen - static_cast<int64_t>(i) * L;
    if (left >= L) continue;
    s[i] = left <= 0 ? none : hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(left)), s[i], none);
  }
}

template <class T>
HWY_INLINE void zero_rows(T* p, int64_t from) {
  std::fill(p + from * kKeys, p + kQueries * kKeys, T{});
}

template <class T>
HWY_INLINE void step(const float* score, int64_t rows, Visible visible, float scale, float* m, float* l,
                     float* o, int64_t D, T* p) {
  const F d;
  const auto L = static_cast<int64_t>(hn::Lanes(d));
  const float factor = scale * kLog2E;
  const VF f = hn::Set(d, factor);
  for (int64_t r = 0; r < rows; ++r) {
    VF s[kVectors];
    load_scores(score + r * kKeys, visible.of(r), s);
    VF max = s[0];
    for (size_t i = 1; i < kVectors; ++i) max = hn::Max(max, s[i]);
    const float top = max_of(max) * factor, m_new = top > m[r] ? top : m[r];
    const VF vm = hn::Set(d, m_new);
    VF sum = hn::Zero(d);
    for (size_t i = 0; i < kVectors; ++i) {
      const VF e = exp2(hn::MulSub(s[i], f, vm));
      sum = hn::Add(sum, e);
      store(e, p + r * kKeys + static_cast<int64_t>(i) * L);
    }
    if (m_new != m[r]) {
      const VF keep = exp2(hn::Sub(hn::Set(d, m[r]), vm));
      l[r] = l[r] * hn::GetLane(keep);
      float* acc = o + r * D;
      int64_t c = 0;
      for (; c + L <= D; c += L) store(hn::Mul(load(acc + c), keep), acc + c);
      if (c < D)
        store_some(hn::Mul(load_some(acc + c, static_cast<size_t>(D - c)), keep), acc + c,
                   static_cast<size_t>(D - c));
      m[r] = m_new;
    }
    l[r] += sum_of(sum);
  }
  zero_rows(p, rows);
}
void step_f32(const float* score, int64_t rows, Visible visible, float scale, float* m, float* l, float* o,
              int64_t D, float* p) {
  step(score, rows, visible, scale, m, l, o, D, p);
}
void step_bf16(const float* score, int64_t rows, Visible visible, float scale, float* m, float* l, float* o,
               int64_t D, BF16* p) {
  step(score, rows, visible, scale, m, l, o, D, p);
}

template <class T>
HWY_INLINE void back(const float* score, const float* dp, int64_t rows, Visible visible, float scale,
                     const float* lse, const float* delta, T* p, T* ds) {
  const F d;
  const auto L = static_cast<int64_t>(hn::Lanes(d));
  const VF f = hn::Set(d, scale * kLog2E), vs = hn::Set(d, scale);
  for (int64_t r = 0; r < rows; ++r) {
    VF s[kVectors];
    load_scores(score + r * kKeys, visible.of(r), s);
    const VF vl = hn::Set(d, lse[r] * kLog2E), vd = hn::Set(d, delta[r] * scale);
    for (size_t i = 0; i < kVectors; ++i) {
      const int64_t at = r * kKeys + static_cast<int64_t>(i) * L;
      const VF e = exp2(hn::MulSub(s[i], f, vl));
      store(e, p + at);
      store(hn::Mul(e, hn::MulSub(load(dp + at), vs, vd)), ds + at);
    }
  }
  zero_rows(p, rows);
  zero_rows(ds, rows);
}
void back_f32(const float* score, const float* dp, int64_t rows, Visible visible, float scale,
              const float* lse, const float* delta, float* p, float* ds) {
  back(score, dp, rows, visible, scale, lse, delta, p, ds);
}
void back_bf16(const float* score, const float* dp, int64_t rows, Visible visible, float scale,
               const float* lse, const float* delta, BF16* p, BF16* ds) {
  back(score, dp, rows, visible, scale, lse, delta, p, ds);
}

template <class A, class B>
HWY_INLINE void copy_row(const A* from, B* to, int64_t D, VF factor, bool accumulate) {
  const auto L = static_cast<int64_t>(lanes());
  int64_t c = 0;
  for (; c + L <= D; c += L) put(hn::Mul(load(from + c), factor), to + c, accumulate);
  if (c < D) {
    const auto n = static_cast<size_t>(D - c);
    put_some(hn::Mul(load_some(from + c, n), factor), to + c, n, accumulate);
  }
}
void finish_f32(const float* o, float l, float* y, int64_t D) {
  copy_row(o, y, D, hn::Set(F(), 1.0f / l), false);
}
void finish_bf16(const float* o, float l, BF16* y, int64_t D) {
  copy_row(o, y, D, hn::Set(F(), 1.0f / l), false);
}
void put_f32(const float* from, int64_t rows, int64_t D, float* to, int64_t ld, bool accumulate) {
  for (int64_t r = 0; r < rows; ++r) copy_row(from + r * D, to + r * ld, D, hn::Set(F(), 1.0f), accumulate);
}
void put_bf16(const float* from, int64_t rows, int64_t D, BF16* to, int64_t ld, bool accumulate) {
  for (int64_t r = 0; r < rows; ++r) copy_row(from + r * D, to + r * ld, D, hn::Set(F(), 1.0f), accumulate);
}
// Rows of one head lie far apart: the next ones are asked for while this one is copied.
template <class T>
HWY_INLINE void copy_rows(const T* from, int64_t ld, int64_t rows, int64_t D, T* to) {
  const hn::ScalableTag<T> d;
  const auto L = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = from + r * ld;
    int64_t c = 0;
    for (; c + L <= D; c += L) {
      hwy::Prefetch(row + 8 * ld + c);
      hn::StoreU(hn::LoadU(d, row + c), d, to + r * D + c);
    }
    for (; c < D; ++c) to[r * D + c] = row[c];
  }
}
void copy_rows_16(const uint16_t* from, int64_t ld, int64_t rows, int64_t D, uint16_t* to) {
  copy_rows(from, ld, rows, D, to);
}
void copy_rows_32(const float* from, int64_t ld, int64_t rows, int64_t D, float* to) {
  copy_rows(from, ld, rows, D, to);
}
void widen_rows(const BF16* from, int64_t ld, int64_t rows, int64_t D, float* to) {
  for (int64_t r = 0; r < rows; ++r) copy_row(from + r * ld, to + r * D, D, hn::Set(F(), 1.0f), false);
}

template <class T>
HWY_INLINE float dot_of(const T* a, const T* b, int64_t D) {
  const auto L = static_cast<int64_t>(lanes());
  VF sum = hn::Zero(F());
  int64_t c = 0;
  for (; c + L <= D; c += L) sum = hn::MulAdd(load(a + c), load(b + c), sum);
  if (c < D) {
    const auto n = static_cast<size_t>(D - c);
    sum = hn::MulAdd(load_some(a + c, n), load_some(b + c, n), sum);
  }
  return sum_of(sum);
}
float dot_f32(const float* a, const float* b, int64_t D) {
  return dot_of(a, b, D);
}
float dot_bf16(const BF16* a, const BF16* b, int64_t D) {
  return dot_of(a, b, D);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cstring>

namespace leam::tensor::cpu {

HWY_EXPORT(step_f32);
HWY_EXPORT(step_bf16);
HWY_EXPORT(back_f32);
HWY_EXPORT(back_bf16);
HWY_EXPORT(finish_f32);
HWY_EXPORT(finish_bf16);
HWY_EXPORT(put_f32);
HWY_EXPORT(put_bf16);
HWY_EXPORT(widen_rows);
HWY_EXPORT(copy_rows_16);
HWY_EXPORT(copy_rows_32);
HWY_EXPORT(dot_f32);
HWY_EXPORT(dot_bf16);

void softmax_step(const float* score, int64_t rows, Visible visible, float scale, float* m, float* l,
                  float* o, int64_t D, void* p, DType type) {
  if (type == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(step_bf16)(score, rows, visible, scale, m, l, o, D, static_cast<BF16*>(p));
  } else {
    HWY_DYNAMIC_DISPATCH(step_f32)(score, rows, visible, scale, m, l, o, D, static_cast<float*>(p));
  }
}

void softmax_finish(const float* o, const float* m, const float* l, int64_t rows, int64_t D, void* y,
                    int64_t ld, DType type, float* lse, int64_t lse_step) {
  for (int64_t r = 0; r < rows; ++r) {
    if (type == DType::kBF16) {
      HWY_DYNAMIC_DISPATCH(finish_bf16)(o + r * D, l[r], static_cast<BF16*>(y) + r * ld, D);
    } else {
      HWY_DYNAMIC_DISPATCH(finish_f32)(o + r * D, l[r], static_cast<float*>(y) + r * ld, D);
    }
    if (lse != nullptr) lse[r * lse_step] = m[r] * 0.693147180559945309f + std::log(l[r]);
  }
}

void softmax_back(const float* score, const float* dp, int64_t rows, Visible visible, float scale,
                  const float* lse, const float* delta, void* p, void* ds, DType type) {
  if (type == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(back_bf16)
    (score, dp, rows, visible, scale, lse, delta, static_cast<BF16*>(p), static_cast<BF16*>(ds));
  } else {
    HWY_DYNAMIC_DISPATCH(back_f32)
    (score, dp, rows, visible, scale, lse, delta, static_cast<float*>(p), static_cast<float*>(ds));
  }
}

void gather_rows(const void* from, int64_t ld, DType type, int64_t rows, int64_t height, int64_t D, void* to,
                 DType inner) {
  const size_t row = static_cast<size_t>(D) * size_of(inner);
  if (type == inner && type == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(copy_rows_16)
    (static_cast<const uint16_t*>(from), ld, rows, D, static_cast<uint16_t*>(to));
  } else if (type == inner) {
    HWY_DYNAMIC_DISPATCH(copy_rows_32)(static_cast<const float*>(from), ld, rows, D, static_cast<float*>(to));
  } else {
    bug_if(type != DType::kBF16, "attention: f32 rows for bf16 products");
    HWY_DYNAMIC_DISPATCH(widen_rows)(static_cast<const BF16*>(from), ld, rows, D, static_cast<float*>(to));
  }
  std::memset(static_cast<std::byte*>(to) + static_cast<size_t>(rows) * row, 0,
              static_cast<size_t>(height - rows) * row);
}

void put_rows(const float* from, int64_t rows, int64_t D, void* to, int64_t ld, DType type, bool accumulate) {
  if (type == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(put_bf16)(from, rows, D, static_cast<BF16*>(to), ld, accumulate);
  } else {
    HWY_DYNAMIC_DISPATCH(put_f32)(from, rows, D, static_cast<float*>(to), ld, accumulate);
  }
}

float dot(const void* a, const void* b, DType type, int64_t D) {
  return type == DType::kBF16
             ? HWY_DYNAMIC_DISPATCH(dot_bf16)(static_cast<const BF16*>(a), static_cast<const BF16*>(b), D)
             : HWY_DYNAMIC_DISPATCH(dot_f32)(static_cast<const float*>(a), static_cast<const float*>(b), D);
}

}  // namespace leam::tensor::cpu
#endif
