#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/ops/embedding/embedding_cpu.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

template <class T>
HWY_INLINE void add_row(const T* from, float* to, size_t C) {
  const size_t L = lanes();
  size_t c = 0;
  for (; c + L <= C; c += L) put(load(from + c), to + c, true);
  if (c < C) put_some(load_some(from + c, C - c), to + c, C - c, true);
}
void add_row_f32(const float* from, float* to, size_t C) {
  add_row(from, to, C);
}
void add_row_bf16(const BF16* from, float* to, size_t C) {
  add_row(from, to, C);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cstring>

#include "engine/tensor/ops/embedding/embedding_kernels.h"

namespace leam::tensor {
namespace cpu {
HWY_EXPORT(add_row_f32);
HWY_EXPORT(add_row_bf16);

namespace {

void forward(const Exec& exec, const Tensor& table, const Tensor& ids, Tensor& y) {
  const auto N = static_cast<size_t>(y.shape()[0]);
  const size_t row = static_cast<size_t>(y.shape()[1]) * size_of(y.dtype());
  exec.pool.run_range(N, 256, [&](size_t begin, size_t end) {
    for (size_t n = begin; n < end; ++n)
      std::memcpy(
          static_cast<std::byte*>(y.raw()) + n * row,
          static_cast<const std::byte*>(table.raw()) + static_cast<size_t>(ids.data<int32_t>()[n]) * row,
          row);
  });
}

// A task owns the ids of one remainder, so that equal ids are added by one task in ascending n.
void backward(const Exec& exec, const Tensor& dy, const Tensor& ids, Tensor& dtable) {
  constexpr size_t kOwners = 16;
  const auto N = static_cast<size_t>(dy.shape()[0]), C = static_cast<size_t>(dy.shape()[1]);
  exec.pool.run(kOwners, [&](size_t owner) {
    for (size_t n = 0; n < N; ++n) {
      const auto id = static_cast<size_t>(ids.data<int32_t>()[n]);
      if (id % kOwners != owner) continue;
      if (dy.dtype() == DType::kF32) {
        HWY_DYNAMIC_DISPATCH(add_row_f32)(dy.data<float>() + n * C, dtable.data<float>() + id * C, C);
      } else {
        HWY_DYNAMIC_DISPATCH(add_row_bf16)(dy.data<BF16>() + n * C, dtable.data<float>() + id * C, C);
      }
    }
  });
}

}  // namespace
}  // namespace cpu

const EmbeddingKernels kEmbeddingHwy{cpu::forward, cpu::backward};

}  // namespace leam::tensor
#endif
