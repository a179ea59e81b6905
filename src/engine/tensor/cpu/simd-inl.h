// What our vector code shares, once for each instruction set (included after highway's foreach_target).
// Numbers are computed in f32; bf16 is widened on load and rounded to nearest even on store. A row's
// tail goes through the same vector instructions as its body, so an element's bits do not depend on
// where the row lies in memory.
#if defined(LEAM_ENGINE_TENSOR_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEAM_ENGINE_TENSOR_CPU_SIMD_INL_H_
#undef LEAM_ENGINE_TENSOR_CPU_SIMD_INL_H_
#else
#define LEAM_ENGINE_TENSOR_CPU_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstring>

#include "engine/tensor/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using VF = hn::Vec<F>;

HWY_INLINE size_t lanes() {
  return hn::Lanes(F());
}

HWY_INLINE VF load(const float* p) {
  return hn::LoadU(F(), p);
}
HWY_INLINE VF load(const BF16* p) {
  const hn::RebindToUnsigned<F> u32;
  const hn::Rebind<uint16_t, F> u16;
  const auto half = hn::LoadU(u16, reinterpret_cast<const uint16_t*>(p));
  return hn::BitCast(F(), hn::ShiftLeft<16>(hn::PromoteTo(u32, half)));
}
HWY_INLINE void store(VF v, float* p) {
  hn::StoreU(v, F(), p);
}
HWY_INLINE void store(VF v, BF16* p) {
  const hn::RebindToUnsigned<F> u32;
  const hn::RebindToSigned<F> i32;
  const hn::Rebind<uint16_t, F> u16;
  const auto u = hn::BitCast(u32, v);
  const auto lsb = hn::And(hn::ShiftRight<16>(u), hn::Set(u32, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(u, hn::Add(lsb, hn::Set(u32, 0x7fff))));
  const auto nan = hn::Or(hn::ShiftRight<16>(u), hn::Set(u32, 0x40));
  const auto bits = hn::IfThenElse(hn::RebindMask(u32, hn::IsNaN(v)), nan, rounded);
  hn::StoreU(hn::DemoteTo(u16, hn::BitCast(i32, bits)), u16, reinterpret_cast<uint16_t*>(p));
}

// The first n < lanes() elements; the rest of the vector is zero.
template <class T>
HWY_INLINE VF load_some(const T* p, size_t n) {
  HWY_ALIGN T buffer[hn::MaxLanes(F())] = {};
  std::memcpy(buffer, p, n * sizeof(T));
  return load(buffer);
}
template <class T>
HWY_INLINE void store_some(VF v, T* p, size_t n) {
  HWY_ALIGN T buffer[hn::MaxLanes(F())];
  store(v, buffer);
  std::memcpy(p, buffer, n * sizeof(T));
}

// 2^n · 2^r for whole n ≥ -126 and |r| ≤ 1/2: the Taylor series of 2^r (relative error 1.2e-7), then n is
// added to its exponent.
HWY_INLINE VF exp2_parts(VF n, VF r) {
  const F d;
  const hn::RebindToSigned<F> i32;
  VF p = hn::Set(d, 1.5403530393381608e-4f);  // ln(2)^6 / 6!
  p = hn::MulAdd(p, r, hn::Set(d, 1.3333558146428443e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 9.6181291076284772e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.5504108664821580e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 2.4022650695910071e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 6.9314718055994531e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  return hn::BitCast(d, hn::Add(hn::BitCast(i32, p), hn::ShiftLeft<23>(hn::NearestInt(n))));
}

// 2^t for t below 128; exactly 0 below -125 (so also for -inf).
HWY_INLINE VF exp2(VF t) {
  const F d;
  const VF clamped = hn::Max(t, hn::Set(d, -126.0f));
  const VF n = hn::Round(clamped);
  return hn::IfThenElseZero(hn::Ge(t, hn::Set(d, -125.0f)), exp2_parts(n, hn::Sub(clamped, n)));
}

// e^x, relative error below 3e-7; 0 below -86 (so also for -inf), x above 88 counts as 88.
HWY_INLINE VF exp(VF x) {
  const F d;
  const VF clamped = hn::Max(hn::Min(x, hn::Set(d, 88.0f)), hn::Set(d, -87.0f));
  const VF high = hn::Set(d, 1.44269502162933349609375f), low = hn::Set(d, 1.92596299112661746887e-8f);
  const VF n = hn::Round(hn::Mul(clamped, high));
  const VF r = hn::MulAdd(clamped, low, hn::MulSub(clamped, high, n));
  return hn::IfThenElseZero(hn::Ge(x, hn::Set(d, -86.0f)), exp2_parts(n, r));
}

// 1 / (1 + e^-z)
HWY_INLINE VF sigmoid(VF z) {
  const F d;
  return hn::Div(hn::Set(d, 1.0f), hn::Add(hn::Set(d, 1.0f), exp(hn::Neg(z))));
}

HWY_INLINE float sum_of(VF v) {
  return hn::GetLane(hn::SumOfLanes(F(), v));
}
HWY_INLINE float max_of(VF v) {
  return hn::GetLane(hn::MaxOfLanes(F(), v));
}

// Writes v, or adds it to what is there.
template <class T>
HWY_INLINE void put(VF v, T* p, bool accumulate) {
  store(accumulate ? hn::Add(load(p), v) : v, p);
}
template <class T>
HWY_INLINE void put_some(VF v, T* p, size_t n, bool accumulate) {
  store_some(accumulate ? hn::Add(load_some(p, n), v) : v, p, n);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
