#include "engine/tensor/ops/classifier/classifier_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/ops/classifier/classifier_rows.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

float largest_of(const float* z, size_t n) {
  const size_t L = lanes();
  if (n < L) {
    float m = z[0];
    for (size_t i = 1; i < n; ++i) m = z[i] > m ? z[i] : m;
    return m;
  }
  VF m = load(z);
  for (size_t i = L; i + L <= n; i += L) m = hn::Max(m, load(z + i));
  return max_of(hn::Max(m, load(z + n - L)));
}

template <class T>
HWY_INLINE float exps(const float* z, size_t n, float reference, T* e) {
  const size_t L = lanes();
  const VF r = hn::Set(F(), reference);
  VF s0 = hn::Zero(F()), s1 = hn::Zero(F());
  size_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    const VF e0 = exp(hn::Sub(load(z + i), r)), e1 = exp(hn::Sub(load(z + i + L), r));
    s0 = hn::Add(s0, e0);
    s1 = hn::Add(s1, e1);
    if (e != nullptr) {
      store(e0, e + i);
      store(e1, e + i + L);
    }
  }
  float tail = 0;
  for (; i < n; i += L) {
    const size_t some = i + L <= n ? L : n - i;
    HWY_ALIGN float values[hn::MaxLanes(F())];
    store(exp(hn::Sub(load_some(z + i, some), r)), values);
    for (size_t j = 0; j < some; ++j) tail += values[j];
    if (e != nullptr) store_some(load(values), e + i, some);
  }
  return sum_of(hn::Add(s0, s1)) + tail;
}
float exps_f32(const float* z, size_t n, float reference, float* e) {
  return exps(z, n, reference, e);
}
float exps_bf16(const float* z, size_t n, float reference, BF16* e) {
  return exps(z, n, reference, e);
}

template <class A, class B>
HWY_INLINE void scaled(const A* from, float s, B* to, size_t n) {
  const size_t L = lanes();
  const VF v = hn::Set(F(), s);
  size_t i = 0;
  for (; i + L <= n; i += L) store(hn::Mul(load(from + i), v), to + i);
  if (i < n) store_some(hn::Mul(load_some(from + i, n - i), v), to + i, n - i);
}
void scaled_f32(const float* from, float s, float* to, size_t n) {
  scaled(from, s, to, n);
}
void scaled_bf16(const BF16* from, float s, BF16* to, size_t n) {
  scaled(from, s, to, n);
}
void scaled_widen(const BF16* from, float s, float* to, size_t n) {
  scaled(from, s, to, n);
}

template <class T>
HWY_INLINE void subtract(const T* from, float* to, size_t n) {
  const size_t L = lanes();
  size_t i = 0;
  for (; i + L <= n; i += L) store(hn::Sub(load(to + i), load(from + i)), to + i);
  if (i < n) store_some(hn::Sub(load_some(to + i, n - i), load_some(from + i, n - i)), to + i, n - i);
}
void subtract_f32(const float* from, float* to, size_t n) {
  subtract(from, to, n);
}
void subtract_bf16(const BF16* from, float* to, size_t n) {
  subtract(from, to, n);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace leam::tensor::cpu {

HWY_EXPORT(largest_of);
HWY_EXPORT(exps_f32);
HWY_EXPORT(exps_bf16);
HWY_EXPORT(scaled_f32);
HWY_EXPORT(scaled_bf16);
HWY_EXPORT(scaled_widen);
HWY_EXPORT(subtract_f32);
HWY_EXPORT(subtract_bf16);

float largest(const float* z, size_t n) {
  return HWY_DYNAMIC_DISPATCH(largest_of)(z, n);
}

float sum_of_exps(const float* z, size_t n, float reference, void* e, DType e_type) {
  if (e_type == DType::kBF16) return HWY_DYNAMIC_DISPATCH(exps_bf16)(z, n, reference, static_cast<BF16*>(e));
  return HWY_DYNAMIC_DISPATCH(exps_f32)(z, n, reference, static_cast<float*>(e));
}

void scale_row(const void* from, DType from_type, float s, void* to, DType to_type, size_t n) {
  if (from_type == DType::kF32 && to_type == DType::kF32) {
    HWY_DYNAMIC_DISPATCH(scaled_f32)(static_cast<const float*>(from), s, static_cast<float*>(to), n);
  } else if (from_type == DType::kBF16 && to_type == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(scaled_bf16)(static_cast<const BF16*>(from), s, static_cast<BF16*>(to), n);
  } else {
    bug_if(from_type != DType::kBF16, "scale_row from f32 to bf16");
    HWY_DYNAMIC_DISPATCH(scaled_widen)(static_cast<const BF16*>(from), s, static_cast<float*>(to), n);
  }
}

void subtract_row(const void* from, DType from_type, float* to, size_t n) {
  if (from_type == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(subtract_bf16)(static_cast<const BF16*>(from), to, n);
  } else {
    HWY_DYNAMIC_DISPATCH(subtract_f32)(static_cast<const float*>(from), to, n);
  }
}

}  // namespace leam::tensor::cpu
#endif
