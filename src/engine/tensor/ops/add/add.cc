#include "engine/tensor/ops/add/add.h"

#include "engine/tensor/ops/add/add_kernels.h"

namespace leam::tensor {

Candidates add_candidates() {
  return {{"hwy", Device::kCpu, DType::kF32, &kAddHwy},
          {"hwy", Device::kCpu, DType::kBF16, &kAddHwy},
          {"ref", Device::kCpu, DType::kF32, &kAddRefF32},
          {"ref", Device::kCpu, DType::kBF16, &kAddRefBF16}};
}

Var add(Tape& tape, const Var& a, const Var& b) {
  const Exec& exec = tape.exec();
  check_float("add", a.value());
  check_shape("add", b.value(), a.shape());
  check_type("add", b.value(), a.value().dtype());
  Tensor y = Tensor::empty(exec.memory, a.shape(), a.value().dtype());
  kernels<AddKernels>(exec, y.dtype()).forward(exec, a.value(), b.value(), y);
  return tape.emit(y, {a, b}, [&exec](const Tensor& dy, GradSink& sink) {
    for (size_t input = 0; input < 2; ++input) {
      if (!sink.wants(input) || sink.take(input, dy)) continue;
      bool fresh = false;
      Tensor& g = sink.grad(input, fresh);
      if (g.dtype() == dy.dtype()) {
        // `fresh` only when the gradient is a parameter's: never here, take() would have served.
        kernels<AddKernels>(exec, dy.dtype()).forward(exec, g, dy, g);
      } else {
        cpu::add_scaled(exec, g, fresh, dy.to(exec.memory, DType::kF32), 1.0f);
      }
    }
  });
}

}  // namespace leam::tensor
