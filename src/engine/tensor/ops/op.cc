#include "engine/tensor/ops/op.h"

#include <fmt/format.h>

namespace leam::tensor {
void check_rank(std::string_view op, const Tensor& t, int rank) {
  bug_if(!t.defined() || t.shape().rank() != rank,
         fmt::format("{}: a tensor of shape {} where rank {} is wanted", op, t.shape().str(), rank));
}

void check_shape(std::string_view op, const Tensor& t, const Shape& wanted) {
  bug_if(!t.defined() || t.shape() != wanted,
         fmt::format("{}: shape {} where {} is wanted", op, t.shape().str(), wanted.str()));
}

void check_type(std::string_view op, const Tensor& t, DType wanted) {
  bug_if(t.dtype() != wanted,
         fmt::format("{}: elements are {} where {} is wanted", op, to_string(t.dtype()), to_string(wanted)));
}

void check_float(std::string_view op, const Tensor& t) {
  bug_if(t.dtype() == DType::kI32, fmt::format("{}: integers where numbers are wanted", op));
}

GradOut grad_out(GradSink& sink, size_t input) {
  if (!sink.wants(input)) return {};
  bool fresh = false;
  const Tensor& g = sink.grad(input, fresh);
  return {g, !fresh};
}

}  // namespace leam::tensor
