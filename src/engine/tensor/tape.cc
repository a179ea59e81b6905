#include "engine/tensor/tape.h"

#include <cstring>

#include "engine/tensor/dispatch.h"

namespace leam::tensor {

// The gradient side of a value: where its gradient goes and how it goes on from there. Holds no value,
// so a value lives only as long as somebody uses it or a backward function has captured it.
struct Var::Node {
  Shape shape;
  DType dtype = DType::kF32;
  Tensor* leaf_grad = nullptr;                // of a parameter
  Tensor grad;                                // of an intermediate, once something was added
  std::vector<std::shared_ptr<Node>> inputs;  // null where no gradient is wanted
  Backward backward;

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  // Unlinks a long chain without recursion as deep as the chain.
  ~Node() {
    std::vector<std::shared_ptr<Node>> todo = std::move(inputs);
    while (!todo.empty()) {
      const std::shared_ptr<Node> node = std::move(todo.back());
      todo.pop_back();
      if (node == nullptr || node.use_count() > 1) continue;
      for (std::shared_ptr<Node>& input : node->inputs) todo.push_back(std::move(input));
      node->inputs.clear();
    }
  }
};

struct Tape::Sink : GradSink {
  Sink(Memory& m, Var::Node& n) : memory(m), node(n) {}
  Memory& memory;
  Var::Node& node;

  bool wants(size_t input) const override { return node.inputs.at(input) != nullptr; }

  Tensor& grad(size_t input, bool& fresh) override {
    Var::Node& in = *node.inputs.at(input);
    if (in.leaf_grad != nullptr) {
      fresh = false;
      return *in.leaf_grad;
    }
    fresh = !in.grad.defined();
    if (fresh) {
      in.grad = Tensor::empty(memory, in.shape, in.dtype);
    } else if (!in.grad.sole_owner()) {
      in.grad = in.grad.to(memory, in.dtype);  // taken from another node that still uses it
    }
    return in.grad;
  }

  bool take(size_t input, const Tensor& grad) override {
    Var::Node& in = *node.inputs.at(input);
    if (in.leaf_grad != nullptr || in.grad.defined() || grad.dtype() != in.dtype) return false;
    in.grad = grad;
    return true;
  }
};

Tape::Tape(const Exec& exec, bool record) : exec_(&exec), record_(record) {}
Tape::~Tape() = default;

Var Tape::constant(Tensor value) {
  Var v;
  v.value_ = std::move(value);
  return v;
}

Var Tape::leaf(Tensor value, Tensor* grad) {
  Var v = constant(std::move(value));
  if (!record_ || grad == nullptr) return v;
  bug_if(grad->dtype() != DType::kF32 || grad->shape() != v.value_.shape(),
         "gradient of a parameter " + v.value_.shape().str() + " is not f32 of its shape");
  v.node_ = std::make_shared<Var::Node>();
  v.node_->shape = v.value_.shape();
  v.node_->dtype = v.value_.dtype();
  v.node_->leaf_grad = grad;
  return v;
}

Var Tape::emit(Tensor value, std::vector<Var> inputs, Backward backward) {
  Var v = constant(std::move(value));
  bool wanted = false;
  for (const Var& in : inputs) wanted = wanted || in.node_ != nullptr;
  if (!record_ || !wanted) return v;
  v.node_ = std::make_shared<Var::Node>();
  v.node_->shape = v.value_.shape();
  v.node_->dtype = v.value_.dtype();
  v.node_->backward = std::move(backward);
  v.node_->inputs.reserve(inputs.size());
  for (Var& in : inputs) v.node_->inputs.push_back(std::move(in.node_));
  order_.push_back(v.node_);
  return v;
}

void Tape::backward(const Var& loss, float scale) {
  bug_if(!record_ || done_, "backward() on a tape that does not record, or for the second time");
  bug_if(loss.value().numel() != 1, "backward() of a value that is not one number");
  done_ = true;
  if (loss.node_ == nullptr) return;
  if (loss.node_->leaf_grad != nullptr) {
    loss.node_->leaf_grad->data<float>()[0] += scale;
    return;
  }
  Tensor seed = Tensor::of(exec_->memory, loss.shape(), std::span<const float>(&scale, 1));
  loss.node_->grad = seed.to(exec_->memory, loss.value().dtype());
  // Held from here on: a node that has run lets go of its inputs, which may be their last owner.
  std::vector<std::shared_ptr<Var::Node>> nodes;
  nodes.reserve(order_.size());
  for (const std::weak_ptr<Var::Node>& node : order_) nodes.push_back(node.lock());
  while (!nodes.empty()) {
    const std::shared_ptr<Var::Node> node = std::move(nodes.back());
    nodes.pop_back();
    if (node == nullptr) continue;
    if (node->grad.defined()) {
      Sink sink(exec_->memory, *node);
      // A copy of the handle: inputs that take this very tensor see that it is in use until here.
      const Tensor out_grad = std::move(node->grad);
      node->grad = Tensor();
      node->backward(out_grad, sink);
    }
    node->backward = nullptr;
    node->inputs.clear();
  }
  order_.clear();
}

}  // namespace leam::tensor
