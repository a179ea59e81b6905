#include "engine/learn/gradient.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace leam::learn {
namespace {

constexpr size_t kGrain = 1 << 16;  // elements a task
constexpr size_t kLanes = 16;

double chunk_squares(const float* x, size_t n) {
  double total = 0;
  for (size_t begin = 0; begin < n; begin += 4096) {
    const size_t end = std::min(n, begin + 4096);
    std::array<float, kLanes> lanes{};
    size_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (size_t l = 0; l < kLanes; ++l) lanes[l] += x[i + l] * x[i + l];
    }
    for (size_t l = 0; i < end; ++i, ++l) lanes[l] += x[i] * x[i];
    for (const float lane : lanes) total += double{lane};
  }
  return total;
}

}  // namespace

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
  float* a = stack_.back().flat.data<float>();
  float* b = right.flat.data<float>();
  exec_->pool.run_range(static_cast<size_t>(parameters_->size()), kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) a[i] += b[i];
    std::memset(b + begin, 0, (end - begin) * sizeof(float));
  });
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
  pushed_ = 0;
  spare_.push_back(std::move(stack_.back()));
  stack_.clear();
  return spare_.back().flat;
}

double sum_of_squares(const tensor::Tensor& flat, ThreadPool& pool) {
  const auto n = static_cast<size_t>(flat.numel());
  const float* x = flat.data<float>();
  std::vector<double> partial((n + kGrain - 1) / kGrain);
  pool.run_range(n, kGrain, [&](size_t begin, size_t end) {
    partial[begin / kGrain] = chunk_squares(x + begin, end - begin);
  });
  double total = 0;
  for (const double p : partial) total += p;
  return total;
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
