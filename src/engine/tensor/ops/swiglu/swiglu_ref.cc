#include <cmath>

#include "engine/tensor/ops/swiglu/swiglu_kernels.h"

namespace leam::tensor {
namespace {

float sigmoid(float z) {
  return 1.0f / (1.0f + std::exp(-z));
}

template <class T>
void forward(const Exec&, const Tensor& gate, const Tensor& up, Tensor& y) {
  for (int64_t i = 0; i < y.numel(); ++i) {
    const float z = to_float(gate.data<T>()[i]);
    y.data<T>()[i] = from_float<T>(z * sigmoid(z) * to_float(up.data<T>()[i]));
  }
}

template <class T>
void put(const GradOut& g, int64_t i, float value) {
  if (!g.tensor.defined()) return;
  T& slot = g.tensor.data<T>()[i];
  slot = from_float<T>(g.accumulate ? to_float(slot) + value : value);
}

template <class T>
void backward(const Exec&, const Tensor& dy, const Tensor& gate, const Tensor& up, const GradOut& dgate,
              const GradOut& dup) {
  for (int64_t i = 0; i < dy.numel(); ++i) {
    const float d = to_float(dy.data<T>()[i]);
    const float z = to_float(gate.data<T>()[i]);
    const float s = sigmoid(z);
    put<T>(dup, i, d * z * s);
    put<T>(dgate, i, d * to_float(up.data<T>()[i]) * s * (1.0f + z * (1.0f - s)));
  }
}

}  // namespace

const SwigluKernels kSwigluRefF32{forward<float>, backward<float>};
const SwigluKernels kSwigluRefBF16{forward<BF16>, backward<BF16>};

}  // namespace leam::tensor
