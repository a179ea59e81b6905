#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/ops/add/add_cpu.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

template <class T>
HWY_INLINE void add_range(const T* a, const T* b, T* y, size_t n) {
  const size_t L = lanes();
  size_t i = 0;
  for (; i + L <= n; i += L) store(hn::Add(load(a + i), load(b + i)), y + i);
  if (i < n) store_some(hn::Add(load_some(a + i, n - i), load_some(b + i, n - i)), y + i, n - i);
}
void add_f32(const float* a, const float* b, float* y, size_t n) {
  add_range(a, b, y, n);
}
void add_bf16(const BF16* a, const BF16* b, BF16* y, size_t n) {
  add_range(a, b, y, n);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "engine/tensor/ops/add/add_kernels.h"

namespace leam::tensor {
namespace cpu {
HWY_EXPORT(add_f32);
HWY_EXPORT(add_bf16);

namespace {

void forward(const Exec& exec, const Tensor& a, const Tensor& b, Tensor& y) {
  exec.pool.run_range(static_cast<size_t>(y.numel()), size_t{1} << 15, [&](size_t i, size_t end) {
    if (y.dtype() == DType::kF32) {
      HWY_DYNAMIC_DISPATCH(add_f32)(a.data<float>() + i, b.data<float>() + i, y.data<float>() + i, end - i);
    } else {
      HWY_DYNAMIC_DISPATCH(add_bf16)(a.data<BF16>() + i, b.data<BF16>() + i, y.data<BF16>() + i, end - i);
    }
  });
}

}  // namespace
}  // namespace cpu

const AddKernels kAddHwy{cpu::forward};

}  // namespace leam::tensor
#endif
