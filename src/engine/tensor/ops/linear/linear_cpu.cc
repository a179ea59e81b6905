#include "engine/tensor/cpu/gemm.h"
#include "engine/tensor/ops/linear/linear_kernels.h"

namespace leam::tensor {
namespace {

void forward(const Exec& exec, const Tensor& x, const Tensor& w, Tensor& y) {
  const auto b = cpu::RightFactor::pack(exec, cpu::matrix_of(w), true);
  cpu::multiply(exec, x.raw(), x.dtype(), x.shape()[0], b, y.raw(), y.dtype(), false);
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

const LinearKernels kLinearOneDnn{forward, backward_dx, backward_dw};

}  // namespace leam::tensor
