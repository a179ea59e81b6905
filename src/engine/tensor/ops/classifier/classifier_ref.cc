#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/tensor/ops/classifier/classifier_kernels.h"

namespace leam::tensor {
namespace {

template <class T>
void run(const Exec&, const Tensor& x, const Tensor& w, const Tensor& targets, Tensor& row_losses, Tensor& dx,
         Tensor& dw) {
  const int64_t N = x.shape()[0], C = x.shape()[1], V = w.shape()[0];
  std::vector<float> z(static_cast<size_t>(V));
  if (dx.defined()) std::fill_n(dx.data<float>(), dx.numel(), 0.0f);
  if (dw.defined()) std::fill_n(dw.data<float>(), dw.numel(), 0.0f);
  for (int64_t n = 0; n < N; ++n) {
    const int32_t target = targets.data<int32_t>()[n];
    row_losses.data<float>()[n] = 0;
    if (target < 0) continue;
    const T* row = x.data<T>() + n * C;
    for (int64_t v = 0; v < V; ++v) {
      float sum = 0;
      for (int64_t c = 0; c < C; ++c) sum += to_float(row[c]) * to_float(w.data<T>()[v * C + c]);
      z[static_cast<size_t>(v)] = sum;
    }
    const float max = *std::max_element(z.begin(), z.end());
    double sum = 0;
    for (float value : z) sum += std::exp(static_cast<double>(value - max));
    const double lse = static_cast<double>(max) + std::log(sum);
    row_losses.data<float>()[n] =
        static_cast<float>(lse - static_cast<double>(z[static_cast<size_t>(target)]));
    for (int64_t v = 0; v < V; ++v) {
      const float p = static_cast<float>(std::exp(static_cast<double>(z[static_cast<size_t>(v)]) - lse));
      const float d = v == target ? p - 1.0f : p;
      for (int64_t c = 0; c < C; ++c) {
        if (dx.defined()) dx.data<float>()[n * C + c] += d * to_float(w.data<T>()[v * C + c]);
        if (dw.defined()) dw.data<float>()[v * C + c] += d * to_float(row[c]);
      }
    }
  }
}

}  // namespace

const ClassifierKernels kClassifierRefF32{run<float>}, kClassifierRefBF16{run<BF16>};

}  // namespace leam::tensor
