// Passes over parameters and gradients that are no operators of a model: the optimiser's update, sums of
// gradients, their norm. All are in parallel, and all give the same bits for any number of threads.
// Tensors are f32 unless said otherwise.
#pragma once

#include "engine/tensor/tape.h"

namespace leam::tensor::cpu {

// One step of AdamW (Loshchilov and Hutter, 2019), with g = grad_scale · grad:
//   m = β1·m + (1−β1)·g,   v = β2·v + (1−β2)·g²
//   w = w − lr · (m / (1−β1^step) / (sqrt(v / (1−β2^step)) + eps) + weight_decay · w)
struct AdamW {
  float lr = 1e-3f, beta1 = 0.9f, beta2 = 0.95f, eps = 1e-8f, weight_decay = 0.0f;
  int64_t step = 1;         // counted from 1
  float grad_scale = 1.0f;  // clipping and averaging, folded in
};
// `copy`, if given, receives the new w in its own type (the bf16 weights a model computes with).
void adamw(const Exec& exec, const AdamW& a, const Tensor& grad, Tensor& w, Tensor& m, Tensor& v,
           Tensor* copy = nullptr);

// Σ x², in f64 over blocks of fixed size, added in ascending order.
double squared_norm(const Exec& exec, const Tensor& x);
// target += source
void add_to(const Exec& exec, Tensor& target, const Tensor& source);
// target = scale · target
void scale(const Exec& exec, Tensor& target, float scale);
// target += scale · source, or target = scale · source when `fresh`. target may be bf16.
void add_scaled(const Exec& exec, Tensor& target, bool fresh, const Tensor& source, float scale);
void fill_zero(const Exec& exec, Tensor& target);  // any type
// to = from, f32 and bf16 in any direction.
void copy(const Exec& exec, const Tensor& from, Tensor& to);

}  // namespace leam::tensor::cpu
