#include "engine/tensor/ops/add/add_kernels.h"

namespace leam::tensor {
namespace {

template <class T>
void forward(const Exec&, const Tensor& a, const Tensor& b, Tensor& y) {
  for (int64_t i = 0; i < y.numel(); ++i)
    y.data<T>()[i] = from_float<T>(to_float(a.data<T>()[i]) + to_float(b.data<T>()[i]));
}

}  // namespace

const AddKernels kAddRefF32{forward<float>}, kAddRefBF16{forward<BF16>};

}  // namespace leam::tensor
