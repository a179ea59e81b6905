#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/ops/swiglu/swiglu_cpu.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

HWY_INLINE VF swiglu_value(VF z, VF up) {
  return hn::Mul(hn::Mul(z, sigmoid(z)), up);
}
// silu(z) and silu'(z) times dy.
HWY_INLINE void swiglu_slopes(VF d, VF z, VF up, VF& dgate, VF& dup) {
  const F f;
  const VF s = sigmoid(z), ds = hn::Mul(d, s), one = hn::Set(f, 1.0f);
  dup = hn::Mul(ds, z);
  dgate = hn::Mul(hn::Mul(ds, up), hn::MulAdd(z, hn::Sub(one, s), one));
}

template <class T>
HWY_INLINE void swiglu_forward(const T* gate, const T* up, T* y, size_t n) {
  const size_t L = lanes();
  size_t i = 0;
  for (; i + L <= n; i += L) store(swiglu_value(load(gate + i), load(up + i)), y + i);
  if (i < n) store_some(swiglu_value(load_some(gate + i, n - i), load_some(up + i, n - i)), y + i, n - i);
}
// A null target is not wanted.
template <class T>
HWY_INLINE void swiglu_backward(const T* dy, const T* gate, const T* up, T* dgate, bool add_gate, T* dup,
                                bool add_up, size_t n) {
  const size_t L = lanes();
  size_t i = 0;
  VF dg, du;
  for (; i + L <= n; i += L) {
    swiglu_slopes(load(dy + i), load(gate + i), load(up + i), dg, du);
    if (dgate != nullptr) put(dg, dgate + i, add_gate);
    if (dup != nullptr) put(du, dup + i, add_up);
  }
  if (i == n) return;
  const size_t rest = n - i;
  swiglu_slopes(load_some(dy + i, rest), load_some(gate + i, rest), load_some(up + i, rest), dg, du);
  if (dgate != nullptr) put_some(dg, dgate + i, rest, add_gate);
  if (dup != nullptr) put_some(du, dup + i, rest, add_up);
}

void swiglu_forward_f32(const float* gate, const float* up, float* y, size_t n) {
  swiglu_forward(gate, up, y, n);
}
void swiglu_forward_bf16(const BF16* gate, const BF16* up, BF16* y, size_t n) {
  swiglu_forward(gate, up, y, n);
}
void swiglu_backward_f32(const float* dy, const float* gate, const float* up, float* dgate, bool add_gate,
                         float* dup, bool add_up, size_t n) {
  swiglu_backward(dy, gate, up, dgate, add_gate, dup, add_up, n);
}
void swiglu_backward_bf16(const BF16* dy, const BF16* gate, const BF16* up, BF16* dgate, bool add_gate,
                          BF16* dup, bool add_up, size_t n) {
  swiglu_backward(dy, gate, up, dgate, add_gate, dup, add_up, n);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "engine/tensor/ops/swiglu/swiglu_kernels.h"

namespace leam::tensor {
namespace cpu {
HWY_EXPORT(swiglu_forward_f32);
HWY_EXPORT(swiglu_forward_bf16);
HWY_EXPORT(swiglu_backward_f32);
HWY_EXPORT(swiglu_backward_bf16);

namespace {

constexpr size_t kGrain = size_t{1} << 14;

void forward(const Exec& exec, const Tensor& gate, const Tensor& up, Tensor& y) {
  exec.pool.run_range(static_cast<size_t>(y.numel()), kGrain, [&](size_t i, size_t end) {
    if (y.dtype() == DType::kF32) {
      HWY_DYNAMIC_DISPATCH(swiglu_forward_f32)
      (gate.data<float>() + i, up.data<float>() + i, y.data<float>() + i, end - i);
    } else {
      HWY_DYNAMIC_DISPATCH(swiglu_forward_bf16)
      (gate.data<BF16>() + i, up.data<BF16>() + i, y.data<BF16>() + i, end - i);
    }
  });
}

template <class T>
T* target(const GradOut& g, size_t i) {
  return g.tensor.defined() ? g.tensor.data<T>() + i : nullptr;
}

void backward(const Exec& exec, const Tensor& dy, const Tensor& gate, const Tensor& up, const GradOut& dgate,
              const GradOut& dup) {
  exec.pool.run_range(static_cast<size_t>(dy.numel()), kGrain, [&](size_t i, size_t end) {
    if (dy.dtype() == DType::kF32) {
      HWY_DYNAMIC_DISPATCH(swiglu_backward_f32)
      (dy.data<float>() + i, gate.data<float>() + i, up.data<float>() + i, target<float>(dgate, i),
       dgate.accumulate, target<float>(dup, i), dup.accumulate, end - i);
    } else {
      HWY_DYNAMIC_DISPATCH(swiglu_backward_bf16)
      (dy.data<BF16>() + i, gate.data<BF16>() + i, up.data<BF16>() + i, target<BF16>(dgate, i),
       dgate.accumulate, target<BF16>(dup, i), dup.accumulate, end - i);
    }
  });
}

}  // namespace
}  // namespace cpu

const SwigluKernels kSwigluHwy{cpu::forward, cpu::backward};

}  // namespace leam::tensor
#endif
