#include "engine/tensor/ops/op.h"

#include <fmt/format.h>

namespace leam::tensor {
namespace {

constexpr size_t kGrain = 1 << 16;

template <class T>
void add_scaled_to(const Exec& exec, T* target, bool fresh, const float* source, size_t n, float scale) {
  exec.pool.run_range(n, kGrain, [&](size_t begin, size_t end) {
    if (fresh) {
      for (size_t i = begin; i < end; ++i) target[i] = from_float<T>(scale * source[i]);
    } else {
      for (size_t i = begin; i < end; ++i) target[i] = from_float<T>(to_float(target[i]) + scale * source[i]);
    }
  });
}

}  // namespace

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

void add_scaled(const Exec& exec, Tensor& target, bool fresh, const Tensor& source, float scale) {
  check_shape("add_scaled", source, target.shape());
  check_type("add_scaled", source, DType::kF32);
  const size_t n = static_cast<size_t>(target.numel());
  if (target.dtype() == DType::kF32) {
    add_scaled_to(exec, target.data<float>(), fresh, source.data<float>(), n, scale);
  } else {
    add_scaled_to(exec, target.data<BF16>(), fresh, source.data<float>(), n, scale);
  }
}

}  // namespace leam::tensor
