// What operators share: checks of shapes and the way from a sink to the tensors a kernel writes.
#pragma once

#include <string_view>

#include "engine/tensor/cpu/elementwise.h"
#include "engine/tensor/dispatch.h"
#include "engine/tensor/tape.h"

namespace leam::tensor {

// BugError that names the operator and both shapes or types.
void check_rank(std::string_view op, const Tensor& t, int rank);
void check_shape(std::string_view op, const Tensor& t, const Shape& wanted);
void check_type(std::string_view op, const Tensor& t, DType wanted);
void check_float(std::string_view op, const Tensor& t);

// Where a kernel puts an activation's gradient: `accumulate` is false when it must overwrite.
// An undefined tensor means that this gradient is not wanted.
struct GradOut {
  Tensor tensor;
  bool accumulate = false;
};
GradOut grad_out(GradSink& sink, size_t input);

// Calls `body(g)` with an f32 tensor of the input's shape to which it adds the input's gradient: the
// parameter's own gradient, or a temporary one that is then added to an activation's.
template <class Body>
void with_f32_grad(const Exec& exec, GradSink& sink, size_t input, const Body& body);

template <class Body>
void with_f32_grad(const Exec& exec, GradSink& sink, size_t input, const Body& body) {
  if (!sink.wants(input)) return;
  bool fresh = false;
  Tensor& g = sink.grad(input, fresh);
  if (g.dtype() == DType::kF32 && !fresh) {
    body(g);
    return;
  }
  Tensor sum = Tensor::zeros(exec.memory, g.shape(), DType::kF32);
  body(sum);
  cpu::add_scaled(exec, g, fresh, sum, 1.0f);
}

}  // namespace leam::tensor
