#include "engine/tensor/cpu/gemm.h"
#include "engine/tensor/ops/classifier/classifier.h"
#include "engine/tensor/ops/op.h"

namespace leam::tensor {
namespace {

template <class T>
void logits_ref(const Tensor& x, const Tensor& w, const Tensor& z) {
  const int64_t N = x.shape()[0], C = x.shape()[1], V = w.shape()[0];
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t v = 0; v < V; ++v) {
      float sum = 0;
      for (int64_t c = 0; c < C; ++c)
        sum += to_float(x.data<T>()[n * C + c]) * to_float(w.data<T>()[v * C + c]);
      z.data<float>()[n * V + v] = sum;
    }
  }
}

}  // namespace

Tensor classifier_logits(const Exec& exec, const Tensor& x, const Tensor& w) {
  check_rank("classifier_logits", x, 2);
  check_float("classifier_logits", x);
  check_type("classifier_logits", w, x.dtype());
  check_shape("classifier_logits", w, {w.shape()[0], x.shape()[1]});
  Tensor z = Tensor::empty(exec.memory, {x.shape()[0], w.shape()[0]}, DType::kF32);
  if (exec.dispatch.chosen(exec.memory.device(), OpId::classifier, x.dtype()).name == "ref") {
    x.dtype() == DType::kF32 ? logits_ref<float>(x, w, z) : logits_ref<BF16>(x, w, z);
    return z;
  }
  const auto b = cpu::RightFactor::pack(exec, cpu::matrix_of(w), true);
  cpu::multiply(exec, x.raw(), x.dtype(), x.shape()[0], b, z.raw(), DType::kF32, false);
  return z;
}

}  // namespace leam::tensor
