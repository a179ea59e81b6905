// The gradient of one step: a sum over micro-batches in a fixed binary tree, its norm, and its health.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/learn/parameters.h"

namespace leam::learn {

// Sums gradients pairwise as a binary counter does: leaf i and i+1, then pairs of pairs. So the sum of a
// step's micro-batches has one shape whoever computes which part of it, and needs log2(n) + 1 buffers.
//
//   for (…) { Tensor& g = tree.next(); …backward adds to views of g…; tree.push(); }
//   const Tensor& sum = tree.sum();
//   …learn…; tree.reset();
class GradientTree {
 public:
  GradientTree(const Parameters& parameters, const tensor::Exec& exec);

  // A zeroed buffer for the next micro-batch, and its views by parameter.
  const tensor::Tensor& next();
  std::vector<tensor::Tensor>& views();
  // next()'s buffer is complete.
  void push();
  // The sum of all pushed; valid until reset(), which ends the step.
  const tensor::Tensor& sum();
  void reset();

  static int buffers(int64_t micro_batches);  // that a step of so many needs

 private:
  struct Node {
    tensor::Tensor flat;
    std::vector<tensor::Tensor> views;
  };
  Node take();
  void merge_top();
  const Parameters* parameters_;
  const tensor::Exec* exec_;
  std::vector<Node> stack_;  // pending sums, larger ones first
  std::vector<Node> spare_;  // zeroed
  Node current_;
  int64_t pushed_ = 0;
};

// The first parameter with a NaN or infinity in its gradient; empty when there is none.
std::string first_not_finite(const Parameters& parameters, const tensor::Tensor& flat);

}  // namespace leam::learn
