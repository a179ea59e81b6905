#include "engine/tensor/ops/linear/linear.h"

#include "engine/tensor/ops/linear/linear_kernels.h"

namespace leam::tensor {

Candidates linear_candidates() {
  return {{"onednn", Device::kCpu, DType::kF32, &kLinearOneDnn},
          {"onednn", Device::kCpu, DType::kBF16, &kLinearOneDnn},
          {"ref", Device::kCpu, DType::kF32, &kLinearRefF32},
          {"ref", Device::kCpu, DType::kBF16, &kLinearRefBF16}};
}

Var linear(Tape& tape, const Var& x, const Var& w) {
  const Exec& exec = tape.exec();
  check_rank("linear", x.value(), 2);
  check_float("linear", x.value());
  check_rank("linear", w.value(), 2);
  check_type("linear", w.value(), x.value().dtype());
  check_shape("linear", w.value(), {w.shape()[0], x.shape()[1]});
  Tensor y = Tensor::empty(exec.memory, {x.shape()[0], w.shape()[0]}, x.value().dtype());
  kernels<LinearKernels>(exec, y.dtype()).forward(exec, x.value(), w.value(), y);
  if (!tape.recording()) return tape.constant(y);
  return tape.emit(y, {x, w}, [&exec, xv = x.value(), wv = w.value()](const Tensor& dy, GradSink& sink) {
    const auto& k = kernels<LinearKernels>(exec, dy.dtype());
    if (sink.wants(0)) k.backward_dx(exec, dy, wv, grad_out(sink, 0));
    with_f32_grad(exec, sink, 1, [&](Tensor& dw) { k.backward_dw(exec, dy, xv, dw); });
  });
}

Tensor prepared_for_linear(const Exec& exec, const Tensor& w) {
  check_rank("prepared_for_linear", w, 2);
  check_float("prepared_for_linear", w);
  return w.with_prepared(kernels<LinearKernels>(exec, w.dtype()).prepare(exec, w));
}

}  // namespace leam::tensor
