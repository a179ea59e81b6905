#include "engine/tensor/ops/rms_norm/rms_norm.h"

#include "engine/tensor/ops/rms_norm/rms_norm_kernels.h"

namespace leam::tensor {

Candidates rms_norm_candidates() {
  return {{"hwy", Device::kCpu, DType::kF32, &kRmsNormHwy},
          {"hwy", Device::kCpu, DType::kBF16, &kRmsNormHwy},
          {"ref", Device::kCpu, DType::kF32, &kRmsNormRefF32},
          {"ref", Device::kCpu, DType::kBF16, &kRmsNormRefBF16}};
}

Var rms_norm(Tape& tape, const Var& x, const Var& gain, float eps) {
  const Exec& exec = tape.exec();
  check_rank("rms_norm", x.value(), 2);
  check_float("rms_norm", x.value());
  check_shape("rms_norm", gain.value(), {x.shape()[1]});
  check_type("rms_norm", gain.value(), DType::kF32);
  Tensor y = Tensor::empty(exec.memory, x.shape(), x.value().dtype());
  Tensor rstd = Tensor::empty(exec.memory, {x.shape()[0]}, DType::kF32);
  kernels<RmsNormKernels>(exec, y.dtype()).forward(exec, x.value(), gain.value(), eps, y, rstd);
  if (!tape.recording()) return tape.constant(y);
  return tape.emit(
      y, {x, gain}, [&exec, xv = x.value(), gv = gain.value(), rstd](const Tensor& dy, GradSink& sink) {
        const auto& k = kernels<RmsNormKernels>(exec, dy.dtype());
        const GradOut dx = grad_out(sink, 0);
        Tensor none;
        if (!sink.wants(1)) {
          k.backward(exec, dy, xv, gv, rstd, dx, none);
          return;
        }
        with_f32_grad(exec, sink, 1, [&](Tensor& dgain) { k.backward(exec, dy, xv, gv, rstd, dx, dgain); });
      });
}

}  // namespace leam::tensor
