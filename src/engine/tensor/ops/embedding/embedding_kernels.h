#pragma once

#include "engine/tensor/ops/op.h"

namespace leam::tensor {

struct EmbeddingKernels {
  void (*forward)(const Exec& exec, const Tensor& table, const Tensor& ids, Tensor& y);
  // dtable[ids[n]] += dy[n], f32, ascending n for equal ids.
  void (*backward)(const Exec& exec, const Tensor& dy, const Tensor& ids, Tensor& dtable);
};

extern const EmbeddingKernels kEmbeddingRefF32, kEmbeddingRefBF16;
extern const EmbeddingKernels kEmbeddingHwy;  // either type

}  // namespace leam::tensor
