#include "engine/tensor/ops/embedding/embedding.h"

#include "engine/tensor/ops/embedding/embedding_kernels.h"

namespace leam::tensor {

Candidates embedding_candidates() {
  return {{"hwy", Device::kCpu, DType::kF32, &kEmbeddingHwy},
          {"hwy", Device::kCpu, DType::kBF16, &kEmbeddingHwy},
          {"ref", Device::kCpu, DType::kF32, &kEmbeddingRefF32},
          {"ref", Device::kCpu, DType::kBF16, &kEmbeddingRefBF16}};
}

Var embedding(Tape& tape, const Var& table, const Tensor& ids) {
  const Exec& exec = tape.exec();
  check_rank("embedding", table.value(), 2);
  check_float("embedding", table.value());
  check_rank("embedding", ids, 1);
  check_type("embedding", ids, DType::kI32);
  const int64_t V = table.shape()[0], N = ids.shape()[0];
  for (int64_t n = 0; n < N; ++n) {
    const int32_t id = ids.data<int32_t>()[n];
    bug_if(id < 0 || id >= V, "embedding: an id outside of the table");
  }
  Tensor y = Tensor::empty(exec.memory, {N, table.shape()[1]}, table.value().dtype());
  kernels<EmbeddingKernels>(exec, y.dtype()).forward(exec, table.value(), ids, y);
  return tape.emit(y, {table}, [&exec, ids](const Tensor& dy, GradSink& sink) {
    with_f32_grad(exec, sink, 0, [&](Tensor& dtable) {
      kernels<EmbeddingKernels>(exec, dy.dtype()).backward(exec, dy, ids, dtable);
    });
  });
}

}  // namespace leam::tensor
