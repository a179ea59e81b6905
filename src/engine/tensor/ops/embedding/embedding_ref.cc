#include "engine/tensor/ops/embedding/embedding_kernels.h"

namespace leam::tensor {
namespace {

template <class T>
void forward(const Exec&, const Tensor& table, const Tensor& ids, Tensor& y) {
  const int64_t C = y.shape()[1];
  for (int64_t n = 0; n < y.shape()[0]; ++n)
    for (int64_t c = 0; c < C; ++c) y.data<T>()[n * C + c] = table.data<T>()[ids.data<int32_t>()[n] * C + c];
}

template <class T>
void backward(const Exec&, const Tensor& dy, const Tensor& ids, Tensor& dtable) {
  const int64_t C = dy.shape()[1];
  for (int64_t n = 0; n < dy.shape()[0]; ++n)
    for (int64_t c = 0; c < C; ++c)
      dtable.data<float>()[ids.data<int32_t>()[n] * C + c] += to_float(dy.data<T>()[n * C + c]);
}

}  // namespace

const EmbeddingKernels kEmbeddingRefF32{forward<float>, backward<float>};
const EmbeddingKernels kEmbeddingRefBF16{forward<BF16>, backward<BF16>};

}  // namespace leam::tensor
