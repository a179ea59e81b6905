#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/ops/rope/rope_cpu.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

// One head; `sign` is 1, or −1 to turn back.
template <class T>
HWY_INLINE void turn_head(const T* x, const float* cos, const float* sin, float sign, T* y, bool accumulate,
                          size_t half) {
  const size_t L = lanes();
  const VF s = hn::Set(F(), sign);
  size_t i = 0;
  for (; i + L <= half; i += L) {
    const VF a = load(x + i), b = load(x + half + i), vc = load(cos + i), vs = hn::Mul(load(sin + i), s);
    put(hn::NegMulAdd(b, vs, hn::Mul(a, vc)), y + i, accumulate);
    put(hn::MulAdd(a, vs, hn::Mul(b, vc)), y + half + i, accumulate);
  }
  if (i == half) return;
  const size_t n = half - i;
  const VF a = load_some(x + i, n), b = load_some(x + half + i, n), vc = load_some(cos + i, n),
           vs = hn::Mul(load_some(sin + i, n), s);
  put_some(hn::NegMulAdd(b, vs, hn::Mul(a, vc)), y + i, n, accumulate);
  put_some(hn::MulAdd(a, vs, hn::Mul(b, vc)), y + half + i, n, accumulate);
}

template <class T>
HWY_INLINE void turn_row(const T* x, const float* cos, const float* sin, float sign, T* y, bool accumulate,
                         size_t heads, size_t half) {
  for (size_t h = 0; h < heads; ++h)
    turn_head(x + 2 * h * half, cos, sin, sign, y + 2 * h * half, accumulate, half);
}
void turn_f32(const float* x, const float* cos, const float* sin, float sign, float* y, bool accumulate,
              size_t heads, size_t half) {
  turn_row(x, cos, sin, sign, y, accumulate, heads, half);
}
void turn_bf16(const BF16* x, const float* cos, const float* sin, float sign, BF16* y, bool accumulate,
               size_t heads, size_t half) {
  turn_row(x, cos, sin, sign, y, accumulate, heads, half);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "engine/tensor/cpu/rope_tables.h"
#include "engine/tensor/ops/rope/rope_kernels.h"

namespace leam::tensor {
namespace cpu {
HWY_EXPORT(turn_f32);
HWY_EXPORT(turn_bf16);

namespace {

void turn(const Exec& exec, const Tensor& x, const Tensor& positions, const RopeTurn& t, const GradOut& y) {
  const auto N = static_cast<size_t>(x.shape()[0]), width = static_cast<size_t>(x.shape()[1]);
  if (N == 0) return;
  const auto heads = static_cast<size_t>(t.n_heads), half = width / heads / 2;
  const int32_t* p = positions.data<int32_t>();
  const int32_t last = *std::max_element(p, p + N);
  const auto table = exec.dispatch.rope_tables().get(t.theta, static_cast<int64_t>(2 * half),
                                                     static_cast<int64_t>(last) + 1);
  const float sign = t.back ? -1.0f : 1.0f;
  exec.pool.run_range(N, 128, [&](size_t begin, size_t end) {
    for (size_t n = begin; n < end; ++n) {
      const size_t row = static_cast<size_t>(p[n]) * half;
      const float *cos = table->cos.data() + row, *sin = table->sin.data() + row;
      if (x.dtype() == DType::kF32) {
        HWY_DYNAMIC_DISPATCH(turn_f32)
        (x.data<float>() + n * width, cos, sin, sign, y.tensor.data<float>() + n * width, y.accumulate, heads,
         half);
      } else {
        HWY_DYNAMIC_DISPATCH(turn_bf16)
        (x.data<BF16>() + n * width, cos, sin, sign, y.tensor.data<BF16>() + n * width, y.accumulate, heads,
         half);
      }
    }
  });
}

}  // namespace
}  // namespace cpu

const RopeKernels kRopeHwy{cpu::turn};

}  // namespace leam::tensor
#endif
