#include "engine/tensor/ops/classifier/classifier.h"

#include "engine/tensor/ops/classifier/classifier_kernels.h"

namespace leam::tensor {

Candidates classifier_candidates() {
  return {{"onednn", Device::kCpu, DType::kF32, &kClassifierOneDnn},
          {"onednn", Device::kCpu, DType::kBF16, &kClassifierOneDnn},
          {"ref", Device::kCpu, DType::kF32, &kClassifierRefF32},
          {"ref", Device::kCpu, DType::kBF16, &kClassifierRefBF16}};
}

// The gradients are computed with the loss, while the logits are there, and only scaled by backward().
Var classifier_loss(Tape& tape, const Var& x, const Var& w, const Tensor& targets, Tensor* row_losses) {
  const Exec& exec = tape.exec();
  check_rank("classifier_loss", x.value(), 2);
  check_float("classifier_loss", x.value());
  check_rank("classifier_loss", w.value(), 2);
  check_type("classifier_loss", w.value(), x.value().dtype());
  check_shape("classifier_loss", w.value(), {w.shape()[0], x.shape()[1]});
  check_shape("classifier_loss", targets, {x.shape()[0]});
  check_type("classifier_loss", targets, DType::kI32);
  const int64_t N = x.shape()[0], V = w.shape()[0];
  for (int64_t n = 0; n < N; ++n)
    bug_if(targets.data<int32_t>()[n] >= V, "classifier_loss: a target outside of the vocabulary");

  Tensor losses = Tensor::empty(exec.memory, {N}, DType::kF32);
  Tensor dx, dw;
  if (tape.recording() && x.wants_grad()) dx = Tensor::empty(exec.memory, x.shape(), DType::kF32);
  if (tape.recording() && w.wants_grad()) dw = Tensor::empty(exec.memory, w.shape(), DType::kF32);
  kernels<ClassifierKernels>(exec, x.value().dtype())
      .run(exec, x.value(), w.value(), targets, losses, dx, dw);
  double sum = 0;
  for (int64_t n = 0; n < N; ++n) sum += static_cast<double>(losses.data<float>()[n]);
  const auto total = static_cast<float>(sum);
  if (row_losses != nullptr) *row_losses = losses;
  return tape.emit(Tensor::of(exec.memory, {1}, std::span<const float>(&total, 1)), {x, w},
                   [&exec, dx, dw](const Tensor& dloss, GradSink& sink) {
                     const float scale = dloss.data<float>()[0];
                     for (size_t input = 0; input < 2; ++input) {
                       if (!sink.wants(input)) continue;
                       bool fresh = false;
                       Tensor& g = sink.grad(input, fresh);
                       cpu::add_scaled(exec, g, fresh, input == 0 ? dx : dw, scale);
                     }
                   });
}

}  // namespace leam::tensor
