#include "engine/learn/gradient.h"

#include <bit>
#include <cmath>

#include "engine/tensor/cpu/elementwise.h"

namespace leam::learn {
GradientTree::GradientTree(const Parameters& parameters, const tensor::Exec& exec)
    : parameters_(&parameters), exec_(&exec) {}

int GradientTree::buffers(int64_t micro_batches) {
  return static_cast<int>(std::bit_width(static_cast<uint64_t>(std::max<int64_t>(micro_batches, 1))));
}

GradientTree::Node GradientTree::take() {
  if (spare_.empty()) {
    Node node;
    node.flat = parameters_->zeros(exec_->memory);
    node.views = parameters_->views(node.flat);
    return node;
  }
  Node node = std::move(spare_.back());
  spare_.pop_back();
  return node;
}

const tensor::Tensor& GradientTree::next() {
  bug_if(current_.flat.defined(), "a gradient buffer that was not pushed");
  current_ = take();
  return current_.flat;
}

std::vector<tensor::Tensor>& GradientTree::views() {
  bug_if(!current_.flat.defined(), "views of no gradient buffer");
  return current_.views;
}

// stack_[-2] += stack_[-1]; the upper one is zeroed and kept.
void GradientTree::merge_top() {
  Node right = std::move(stack_.back());
  stack_.pop_back();
  tensor::cpu::add_to(*exec_, stack_.back().flat, right.flat);
  tensor::cpu::fill_zero(*exec_, right.flat);
  spare_.push_back(std::move(right));
}

void GradientTree::push() {
  bug_if(!current_.flat.defined(), "push without a gradient buffer");
  stack_.push_back(std::move(current_));
  current_ = {};
  ++pushed_;
  for (int64_t n = pushed_; n % 2 == 0; n /= 2) merge_top();
}

const tensor::Tensor& GradientTree::sum() {
  bug_if(stack_.empty() || current_.flat.defined(), "sum of an unfinished gradient");
  while (stack_.size() > 1) merge_top();
  return stack_.back().flat;
}

void GradientTree::reset() {
  bug_if(stack_.size() != 1, "reset of an unfinished gradient");
  tensor::cpu::fill_zero(*exec_, stack_.back().flat);
  spare_.push_back(std::move(stack_.back()));
  stack_.clear();
  pushed_ = 0;
}

std::string first_not_finite(const Parameters& parameters, const tensor::Tensor& flat) {
  const float* x = flat.data<float>();
  for (const FlatParameter& p : parameters.list()) {
    for (int64_t i = p.begin; i < p.begin + p.size; ++i) {
      if (!std::isfinite(x[i])) return p.spec.name;
    }
  }
  return "";
}

}  // namespace leam::learn
