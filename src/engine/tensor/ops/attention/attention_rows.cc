#include "engine/tensor/ops/attention/attention_rows.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/ops/attention/attention_rows.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

// The scaled scores of one vector of keys; keys that are not seen become `otherwise`.
HWY_INLINE VF scaled_scores(const float* score, int64_t at, int64_t seen, VF scale, VF otherwise) {
  const F d;
  const VF s = hn::Mul(load(score + at), scale);
  const auto L = static_cast<int64_t>(hn::Lanes(d));
  if (at + L <= seen) return s;
  if (at >= seen) return otherwise;
  return hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(seen - at)), s, otherwise);
}

template <class T>
HWY_INLINE void zero_rows(T* p, int64_t from) {
  std::fill(p + from * kBlock, p + kBlock * kBlock, T{});
}

template <class T>
HWY_INLINE void step(const float* score, int64_t rows, Visible visible, float scale, float* m, float* l,
                     float* o, int64_t D, T* p) {
  const F d;
  const auto L = static_cast<int64_t>(hn::Lanes(d));
  const VF vs = hn::Set(d, scale), none = hn::Set(d, -INFINITY);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t seen = visible.of(r);
    const float* row = score + r * kBlock;
    VF max = hn::Set(d, m[r]);
    for (int64_t c = 0; c < kBlock; c += L) max = hn::Max(max, scaled_scores(row, c, seen, vs, none));
    const VF vm = hn::MaxOfLanes(d, max);
    const float m_new = hn::GetLane(vm);
    VF sum = hn::Zero(d);
    for (int64_t c = 0; c < kBlock; c += L) {
      const VF e = exp(hn::Sub(scaled_scores(row, c, seen, vs, none), vm));
      sum = hn::Add(sum, e);
      store(e, p + r * kBlock + c);
    }
    if (m_new != m[r]) {
      const VF keep = exp(hn::Sub(hn::Set(d, m[r]), vm));
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
  const VF vs = hn::Set(d, scale), none = hn::Set(d, -INFINITY);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t seen = visible.of(r), at = r * kBlock;
    const VF vl = hn::Set(d, lse[r]), vd = hn::Set(d, delta[r]);
    for (int64_t c = 0; c < kBlock; c += L) {
      const VF e = exp(hn::Sub(scaled_scores(score + at, c, seen, vs, none), vl));
      store(e, p + at + c);
      store(hn::Mul(hn::Mul(e, vs), hn::Sub(load(dp + at + c), vd)), ds + at + c);
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
    if (lse != nullptr) lse[r * lse_step] = m[r] + std::log(l[r]);
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

void gather_rows(const void* from, int64_t ld, DType type, int64_t rows, int64_t D, void* to, DType inner) {
  const size_t row = static_cast<size_t>(D) * size_of(inner);
  if (type == inner) {
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(static_cast<std::byte*>(to) + static_cast<size_t>(r) * row,
                  static_cast<const std::byte*>(from) + static_cast<size_t>(r * ld) * size_of(type), row);
  } else {
    bug_if(type != DType::kBF16, "attention: f32 rows for bf16 products");
    HWY_DYNAMIC_DISPATCH(widen_rows)(static_cast<const BF16*>(from), ld, rows, D, static_cast<float*>(to));
  }
  std::memset(static_cast<std::byte*>(to) + static_cast<size_t>(rows) * row, 0,
              static_cast<size_t>(kBlock - rows) * row);
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
