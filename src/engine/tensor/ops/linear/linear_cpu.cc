#include "engine/tensor/cpu/gemm.h"
#include "engine/tensor/ops/linear/linear_kernels.h"

namespace leam::tensor {
namespace {

std::shared_ptr<const void> prepare(const Exec& exec, const Tensor& w) {
  return std::make_shared<const cpu::RightFactor>(cpu::RightFactor::pack(exec, cpu::matrix_of(w), true));
}

void forward(const Exec& exec, const Tensor& x, const Tensor& w, Tensor& y) {
  const auto product = [&](const cpu::RightFactor& b) {
    cpu::multiply(exec, x.raw(), x.dtype(), x.shape()[0], b, y.raw(), y.dtype(), false);
  };
  if (w.prepared() != nullptr) {
    product(*static_cast<const cpu::RightFactor*>(w.prepared().get()));
  } else {
    product(cpu::RightFactor::pack(exec, cpu::matrix_of(w), true));
  }
}

void backward_dx(const Exec& exec, const Tensor& dy, const Tensor& w, const GradOut& dx) {
  const auto b = cpu::RightFactor::pack(exec, cpu::matrix_of(w), false);
  cpu::multiply(exec, dy.raw(), dy.dtype(), dy.shape()[0], b, dx.tensor.raw(), dx.tensor.dtype(),
                dx.accumulate);
}

void backward_dw(const Exec& exec, const Tensor& dy, const Tensor& x, Tensor& dw) {
  cpu::multiply_transposed(exec, cpu::matrix_of(dy), cpu::matrix_of(x), dw.data<float>());
}

}  // namespace

const LinearKernels kLinearOneDnn{prepare, forward, backward_dx, backward_dw};

}  // namespace leam::tensor
