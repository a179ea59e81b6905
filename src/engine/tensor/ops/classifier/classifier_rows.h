// Vector passes over rows of logits, for classifier_cpu.cc.
#pragma once

#include <cstddef>

#include "engine/tensor/tensor.h"

namespace leam::tensor::cpu {

float largest(const float* z, size_t n);
// Σ_j exp(z[j] − reference); the terms themselves go to `e` (f32 or bf16) unless it is null.
float sum_of_exps(const float* z, size_t n, float reference, void* e, DType e_type);
// to = s · from, between any of f32 and bf16.
void scale_row(const void* from, DType from_type, float s, void* to, DType to_type, size_t n);

// to −= from, f32 or bf16 from f32.
void subtract_row(const void* from, DType from_type, float* to, size_t n);

}  // namespace leam::tensor::cpu
