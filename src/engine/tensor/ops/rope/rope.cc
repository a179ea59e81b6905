#include "engine/tensor/ops/rope/rope.h"

#include "engine/tensor/ops/rope/rope_kernels.h"

namespace leam::tensor {

Candidates rope_candidates() {
  return {{"hwy", Device::kCpu, DType::kF32, &kRopeHwy},
          {"hwy", Device::kCpu, DType::kBF16, &kRopeHwy},
          {"ref", Device::kCpu, DType::kF32, &kRopeRefF32},
          {"ref", Device::kCpu, DType::kBF16, &kRopeRefBF16}};
}

Var rope(Tape& tape, const Var& x, const Tensor& positions, int n_heads, float theta) {
  const Exec& exec = tape.exec();
  check_rank("rope", x.value(), 2);
  check_float("rope", x.value());
  check_shape("rope", positions, {x.shape()[0]});
  check_type("rope", positions, DType::kI32);
  bug_if(n_heads < 1 || x.shape()[1] % (2 * n_heads) != 0, "rope: heads do not divide the channels evenly");
  for (int64_t n = 0; n < x.shape()[0]; ++n)
    bug_if(positions.data<int32_t>()[n] < 0, "rope: a negative position");
  Tensor y = Tensor::empty(exec.memory, x.shape(), x.value().dtype());
  const auto& k = kernels<RopeKernels>(exec, y.dtype());
  k.turn(exec, x.value(), positions, {n_heads, theta, false}, {y, false});
  return tape.emit(y, {x}, [&exec, positions, n_heads, theta](const Tensor& dy, GradSink& sink) {
    if (!sink.wants(0)) return;
    kernels<RopeKernels>(exec, dy.dtype())
        .turn(exec, dy, positions, {n_heads, theta, true}, grad_out(sink, 0));
  });
}

}  // namespace leam::tensor
