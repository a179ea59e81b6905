// What the cases of all operators share: random inputs, and the checks every operator must pass.
//   - each candidate of this machine against the reference, values and gradients, f32 and bf16;
//   - the reference's gradients against finite differences;
//   - the same bits for 1, 2 and 3 threads.
// Only for x_case.cc files.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/tensor/dispatch.h"
#include "engine/tensor/ops/ops.h"
#include "engine/tensor/tape.h"

namespace leam::tensor::test {

struct Bench {
  explicit Bench(int threads = 1, KernelChoice choice = KernelChoice::kFast)
      : pool(threads), dispatch(choice), exec{pool, memory, dispatch} {}
  ThreadPool pool;
  Memory memory;
  Dispatch dispatch;
  Exec exec;
};

inline const DType kFloats[] = {DType::kF32, DType::kBF16};

// Normal numbers times `scale`; the same for the same (shape, salt) in f32 and, rounded, in bf16.
Tensor random_tensor(Memory& memory, Shape shape, DType type, uint64_t salt, float scale = 1.0f);
Tensor random_ids(Memory& memory, int64_t n, int32_t below, uint64_t salt);

std::vector<float> values_of(const Tensor& t);
// The largest |a − b| over the largest |b| (of all elements) is at most `tolerance`.
void expect_near(const Tensor& a, const Tensor& b, float tolerance, const std::string& what);
void expect_same_bits(const Tensor& a, const Tensor& b, const std::string& what);

struct Input {
  Shape shape;
  float scale = 1.0f;
  bool parameter = false;   // its gradient goes to a leaf at once; otherwise through an activation
  bool always_f32 = false;  // keeps f32 when activations are bf16 (gains)
  float shift = 0.0f;
};

struct OperatorCase {
  OpId op;
  std::string name;
  std::vector<Input> inputs;
  std::function<Var(Tape& tape, const std::vector<Var>& inputs)> apply;
  float f32_tolerance = 2e-5f, bf16_tolerance = 2e-2f;
  bool check_differences = true;
};

void check_operator(const OperatorCase& c);

// y of rows [a, b) alone has the bits of rows [a, b) of the whole, for many cuts.
void check_rows(int64_t rows, const std::function<Tensor(int64_t begin, int64_t end)>& run);

}  // namespace leam::tensor::test
