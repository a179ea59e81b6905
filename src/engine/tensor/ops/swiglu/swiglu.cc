#include "engine/tensor/ops/swiglu/swiglu.h"

#include "engine/tensor/ops/swiglu/swiglu_kernels.h"

namespace leam::tensor {

Candidates swiglu_candidates() {
  return {{"hwy", Device::kCpu, DType::kF32, &kSwigluHwy},
          {"hwy", Device::kCpu, DType::kBF16, &kSwigluHwy},
          {"ref", Device::kCpu, DType::kF32, &kSwigluRefF32},
          {"ref", Device::kCpu, DType::kBF16, &kSwigluRefBF16}};
}

Var swiglu(Tape& tape, const Var& gate, const Var& up) {
  const Exec& exec = tape.exec();
  check_rank("swiglu", gate.value(), 2);
  check_float("swiglu", gate.value());
  check_shape("swiglu", up.value(), gate.shape());
  check_type("swiglu", up.value(), gate.value().dtype());
  bug_if(gate.wants_grad() && gate.value().raw() == up.value().raw(), "swiglu: gate and up are one tensor");
  Tensor y = Tensor::empty(exec.memory, gate.shape(), gate.value().dtype());
  kernels<SwigluKernels>(exec, y.dtype()).forward(exec, gate.value(), up.value(), y);
  if (!tape.recording()) return tape.constant(y);
  return tape.emit(y, {gate, up},
                   [&exec, g = gate.value(), u = up.value()](const Tensor& dy, GradSink& sink) {
                     const GradOut dgate = grad_out(sink, 0), dup = grad_out(sink, 1);
                     kernels<SwigluKernels>(exec, dy.dtype()).backward(exec, dy, g, u, dgate, dup);
                   });
}

}  // namespace leam::tensor
