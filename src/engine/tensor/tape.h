// Reverse-mode differentiation by a tape. An operator computes its value at once and, if the tape is
// recording and an input wants a gradient, leaves behind a function that turns the gradient of its
// output into gradients of its inputs. backward() runs these in reverse and frees what they kept.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/core/threads.h"
#include "engine/tensor/tensor.h"

namespace leam::tensor {

class Dispatch;

// Where and with what operators run. Given to everyone, owned by the program.
struct Exec {
  ThreadPool& pool;
  Memory& memory;
  const Dispatch& dispatch;
};

class Tape;

// A value on a tape. Cheap to copy. Dropping the last Var of an intermediate frees its memory unless a
// backward function needs it.
class Var {
 public:
  Var() = default;
  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  bool wants_grad() const { return node_ != nullptr; }

 private:
  friend class Tape;
  struct Node;
  Tensor value_;
  std::shared_ptr<Node> node_;  // null when no gradient is wanted
};

// Gradients of an operator's inputs, in the order of its inputs. accumulate() adds to what is there.
class GradSink {
 public:
  virtual ~GradSink() = default;
  virtual bool wants(size_t input) const = 0;
  // The tensor an operator adds its input's gradient to, in place: f32 for leaves (parameters), the
  // activation's type otherwise. `fresh` is true when nothing was added before: then overwrite it.
  virtual Tensor& grad(size_t input, bool& fresh) = 0;
  // Offers `grad` itself as the input's gradient. True when it was taken without a copy, which is
  // possible for an activation to which nothing was added before; otherwise use grad().
  virtual bool take(size_t input, const Tensor& grad) = 0;
};

using Backward = std::function<void(const Tensor& out_grad, GradSink& sink)>;

class Tape {
 public:
  // A tape that does not record is for inference: nothing is kept.
  Tape(const Exec& exec, bool record);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  const Exec& exec() const { return *exec_; }
  bool recording() const { return record_; }

  Var constant(Tensor value);
  // A parameter. backward() ADDS to `grad` (f32, same shape; the caller zeroes it). `grad` outlives the tape.
  Var leaf(Tensor value, Tensor* grad);
  // For operators: `inputs` in the order the backward function's sink numbers them.
  Var emit(Tensor value, std::vector<Var> inputs, Backward backward);

  // d(loss)/d(leaf), times `scale`, added to every leaf's grad. `loss` has one element. Once per tape.
  void backward(const Var& loss, float scale = 1.0f);

 private:
  struct Sink;
  const Exec* exec_;
  bool record_;
  bool done_ = false;
  std::vector<std::weak_ptr<Var::Node>> order_;
};

}  // namespace leam::tensor
