#include "engine/tensor/ops/linear/linear_kernels.h"

namespace leam::tensor {
namespace {

template <class T>
void forward(const Exec&, const Tensor& x, const Tensor& w, Tensor& y) {
  const int64_t N = x.shape()[0], I = x.shape()[1], O = w.shape()[0];
  for (int64_t n = 0; n < N; ++n)
    for (int64_t o = 0; o < O; ++o) {
      float sum = 0;
      for (int64_t i = 0; i < I; ++i)
        sum += to_float(x.data<T>()[n * I + i]) * to_float(w.data<T>()[o * I + i]);
      y.data<T>()[n * O + o] = from_float<T>(sum);
    }
}

template <class T>
void backward_dx(const Exec&, const Tensor& dy, const Tensor& w, const GradOut& dx) {
  const int64_t N = dy.shape()[0], O = w.shape()[0], I = w.shape()[1];
  for (int64_t n = 0; n < N; ++n)
    for (int64_t i = 0; i < I; ++i) {
      float sum = 0;
      for (int64_t o = 0; o < O; ++o)
        sum += to_float(dy.data<T>()[n * O + o]) * to_float(w.data<T>()[o * I + i]);
      T& slot = dx.tensor.data<T>()[n * I + i];
      slot = from_float<T>(dx.accumulate ? to_float(slot) + sum : sum);
    }
}

template <class T>
void backward_dw(const Exec&, const Tensor& dy, const Tensor& x, Tensor& dw) {
  const int64_t N = dy.shape()[0], O = dw.shape()[0], I = dw.shape()[1];
  for (int64_t o = 0; o < O; ++o)
    for (int64_t i = 0; i < I; ++i) {
      float sum = 0;
      for (int64_t n = 0; n < N; ++n)
        sum += to_float(dy.data<T>()[n * O + o]) * to_float(x.data<T>()[n * I + i]);
      dw.data<float>()[o * I + i] += sum;
    }
}

std::shared_ptr<const void> prepare(const Exec&, const Tensor&) {
  return nullptr;
}

}  // namespace

const LinearKernels kLinearRefF32{prepare, forward<float>, backward_dx<float>, backward_dw<float>};
const LinearKernels kLinearRefBF16{prepare, forward<BF16>, backward_dx<BF16>, backward_dw<BF16>};

}  // namespace leam::tensor
