#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/ops/rms_norm/rms_norm_cpu.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>

#include <cmath>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

template <class T>
HWY_INLINE void rms_norm_row(const T* x, const float* gain, float eps, T* y, float* rstd, size_t C) {
  const size_t L = lanes();
  VF sum = hn::Zero(F());
  size_t c = 0;
  for (; c + L <= C; c += L) {
    const VF v = load(x + c);
    sum = hn::MulAdd(v, v, sum);
  }
  if (c < C) {
    const VF v = load_some(x + c, C - c);
    sum = hn::MulAdd(v, v, sum);
  }
  const float r = 1.0f / std::sqrt(sum_of(sum) / static_cast<float>(C) + eps);
  *rstd = r;
  const VF vr = hn::Set(F(), r);
  for (c = 0; c + L <= C; c += L) store(hn::Mul(load(gain + c), hn::Mul(load(x + c), vr)), y + c);
  if (c < C)
    store_some(hn::Mul(load_some(gain + c, C - c), hn::Mul(load_some(x + c, C - c), vr)), y + c, C - c);
}

// Adds dy ∘ h to dgain (if not null) and puts the row's gradient to dx (if not null).
template <class T>
HWY_INLINE void rms_norm_row_back(const T* dy, const T* x, const float* gain, float rstd, T* dx,
                                  bool accumulate, float* dgain, size_t C) {
  const size_t L = lanes();
  const VF r = hn::Set(F(), rstd);
  VF sum = hn::Zero(F());
  size_t c = 0;
  for (; c + L <= C; c += L) {
    const VF dh = hn::Mul(load(dy + c), hn::Mul(load(x + c), r));
    sum = hn::MulAdd(load(gain + c), dh, sum);
    if (dgain != nullptr) store(hn::Add(load(dgain + c), dh), dgain + c);
  }
  if (c < C) {
    const VF dh = hn::Mul(load_some(dy + c, C - c), hn::Mul(load_some(x + c, C - c), r));
    sum = hn::MulAdd(load_some(gain + c, C - c), dh, sum);
    if (dgain != nullptr) store_some(hn::Add(load_some(dgain + c, C - c), dh), dgain + c, C - c);
  }
  if (dx == nullptr) return;
  // dx = r·gain·dy − x·r·r·mean
  const VF slope = hn::Set(F(), rstd * rstd * (sum_of(sum) / static_cast<float>(C)));
  for (c = 0; c + L <= C; c += L) {
    const VF g = hn::Mul(hn::Mul(load(gain + c), load(dy + c)), r);
    put(hn::NegMulAdd(load(x + c), slope, g), dx + c, accumulate);
  }
  if (c < C) {
    const VF g = hn::Mul(hn::Mul(load_some(gain + c, C - c), load_some(dy + c, C - c)), r);
    put_some(hn::NegMulAdd(load_some(x + c, C - c), slope, g), dx + c, C - c, accumulate);
  }
}

template <class T>
HWY_INLINE void rms_norm_rows(const T* x, const float* gain, float eps, T* y, float* rstd, size_t rows,
                              size_t C) {
  for (size_t n = 0; n < rows; ++n) rms_norm_row(x + n * C, gain, eps, y + n * C, rstd + n, C);
}
template <class T>
HWY_INLINE void rms_norm_rows_back(const T* dy, const T* x, const float* gain, const float* rstd, T* dx,
                                   bool accumulate, float* dgain, size_t rows, size_t C) {
  for (size_t n = 0; n < rows; ++n)
    rms_norm_row_back(dy + n * C, x + n * C, gain, rstd[n], dx == nullptr ? nullptr : dx + n * C, accumulate,
                      dgain, C);
}

void rms_norm_f32(const float* x, const float* gain, float eps, float* y, float* rstd, size_t rows,
                  size_t C) {
  rms_norm_rows(x, gain, eps, y, rstd, rows, C);
}
void rms_norm_bf16(const BF16* x, const float* gain, float eps, BF16* y, float* rstd, size_t rows, size_t C) {
  rms_norm_rows(x, gain, eps, y, rstd, rows, C);
}
void rms_norm_back_f32(const float* dy, const float* x, const float* gain, const float* rstd, float* dx,
                       bool accumulate, float* dgain, size_t rows, size_t C) {
  rms_norm_rows_back(dy, x, gain, rstd, dx, accumulate, dgain, rows, C);
}
void rms_norm_back_bf16(const BF16* dy, const BF16* x, const float* gain, const float* rstd, BF16* dx,
                        bool accumulate, float* dgain, size_t rows, size_t C) {
  rms_norm_rows_back(dy, x, gain, rstd, dx, accumulate, dgain, rows, C);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "engine/tensor/ops/rms_norm/rms_norm_kernels.h"

namespace leam::tensor {
namespace cpu {
HWY_EXPORT(rms_norm_f32);
HWY_EXPORT(rms_norm_bf16);
HWY_EXPORT(rms_norm_back_f32);
HWY_EXPORT(rms_norm_back_bf16);

namespace {

constexpr size_t kRows = 64;  // of one task, and of one partial sum of dgain

void forward(const Exec& exec, const Tensor& x, const Tensor& gain, float eps, Tensor& y, Tensor& rstd) {
  const auto N = static_cast<size_t>(x.shape()[0]), C = static_cast<size_t>(x.shape()[1]);
  exec.pool.run_range(N, kRows, [&](size_t n, size_t end) {
    if (x.dtype() == DType::kF32) {
      HWY_DYNAMIC_DISPATCH(rms_norm_f32)
      (x.data<float>() + n * C, gain.data<float>(), eps, y.data<float>() + n * C, rstd.data<float>() + n,
       end - n, C);
    } else {
      HWY_DYNAMIC_DISPATCH(rms_norm_bf16)
      (x.data<BF16>() + n * C, gain.data<float>(), eps, y.data<BF16>() + n * C, rstd.data<float>() + n,
       end - n, C);
    }
  });
}

void backward(const Exec& exec, const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
              const GradOut& dx, Tensor& dgain) {
  const auto N = static_cast<size_t>(x.shape()[0]), C = static_cast<size_t>(x.shape()[1]);
  const size_t blocks = (N + kRows - 1) / kRows;
  Tensor sums;
  if (dgain.defined())
    sums = Tensor::zeros(exec.memory, {static_cast<int64_t>(blocks), x.shape()[1]}, DType::kF32);
  exec.pool.run_range(N, kRows, [&](size_t n, size_t end) {
    float* sum = sums.defined() ? sums.data<float>() + n / kRows * C : nullptr;
    const float* r = rstd.data<float>() + n;
    if (x.dtype() == DType::kF32) {
      HWY_DYNAMIC_DISPATCH(rms_norm_back_f32)
      (dy.data<float>() + n * C, x.data<float>() + n * C, gain.data<float>(), r,
       dx.tensor.defined() ? dx.tensor.data<float>() + n * C : nullptr, dx.accumulate, sum, end - n, C);
    } else {
      HWY_DYNAMIC_DISPATCH(rms_norm_back_bf16)
      (dy.data<BF16>() + n * C, x.data<BF16>() + n * C, gain.data<float>(), r,
       dx.tensor.defined() ? dx.tensor.data<BF16>() + n * C : nullptr, dx.accumulate, sum, end - n, C);
    }
  });
  if (!dgain.defined()) return;
  for (size_t b = 0; b < blocks; ++b)
    for (size_t c = 0; c < C; ++c) dgain.data<float>()[c] += sums.data<float>()[b * C + c];
}

}  // namespace
}  // namespace cpu

const RmsNormKernels kRmsNormHwy{cpu::forward, cpu::backward};

}  // namespace leam::tensor
#endif
