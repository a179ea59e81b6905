#include <cmath>

#include "engine/tensor/ops/rms_norm/rms_norm_kernels.h"

namespace leam::tensor {
namespace {

template <class T>
void forward(const Exec&, const Tensor& x, const Tensor& gain, float eps, Tensor& y, Tensor& rstd) {
  const int64_t N = x.shape()[0], C = x.shape()[1];
  for (int64_t n = 0; n < N; ++n) {
    const T* row = x.data<T>() + n * C;
    float sum = 0;
    for (int64_t c = 0; c < C; ++c) sum += to_float(row[c]) * to_float(row[c]);
    const float r = 1.0f / std::sqrt(sum / static_cast<float>(C) + eps);
    rstd.data<float>()[n] = r;
    for (int64_t c = 0; c < C; ++c)
      y.data<T>()[n * C + c] = from_float<T>(gain.data<float>()[c] * (to_float(row[c]) * r));
  }
}

template <class T>
void backward(const Exec&, const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
              const GradOut& dx, Tensor& dgain) {
  const int64_t N = x.shape()[0], C = x.shape()[1];
  for (int64_t n = 0; n < N; ++n) {
    const T* d = dy.data<T>() + n * C;
    const T* row = x.data<T>() + n * C;
    const float r = rstd.data<float>()[n];
    float sum = 0;
    for (int64_t c = 0; c < C; ++c) {
      const float h = r * to_float(row[c]);
      sum += gain.data<float>()[c] * to_float(d[c]) * h;
      if (dgain.defined()) dgain.data<float>()[c] += to_float(d[c]) * h;
    }
    if (!dx.tensor.defined()) continue;
    const float mean = sum / static_cast<float>(C);
    for (int64_t c = 0; c < C; ++c) {
      const float h = r * to_float(row[c]);
      const float value = r * (gain.data<float>()[c] * to_float(d[c]) - h * mean);
      T& slot = dx.tensor.data<T>()[n * C + c];
      slot = from_float<T>(dx.accumulate ? to_float(slot) + value : value);
    }
  }
}

}  // namespace

const RmsNormKernels kRmsNormRefF32{forward<float>, backward<float>};
const RmsNormKernels kRmsNormRefBF16{forward<BF16>, backward<BF16>};

}  // namespace leam::tensor
