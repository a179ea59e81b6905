// One training run's state in memory and its step. Knows nothing of files: see checkpoint.h.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/learn/data_order.h"
#include "engine/learn/gradient.h"
#include "engine/learn/optimizer.h"
#include "engine/learn/parameters.h"

namespace leam::learn {

struct TrainerConfig {
  nn::DecoderConfig model;
  tensor::DType compute = tensor::DType::kF32;
  int64_t T = 256;           // tokens a sequence
  int64_t batch = 16;        // sequences a step
  int64_t micro_batch = 16;  // sequences at a time; divides batch
  OptimizerConfig optimizer;
  double clip = 1.0;  // of the gradient's norm; 0 = none
  uint64_t seed = 1;
};

struct StepResult {
  double loss = 0;           // mean nats a token
  double gradient_norm = 0;  // before clipping
};

// Bytes a run needs, before anything is allocated: weights, moments, gradients, and what one micro-batch
// leaves on the tape.
struct MemoryPlan {
  uint64_t weights = 0, moments = 0, gradients = 0, activations = 0;
  uint64_t total() const { return weights + moments + gradients + activations; }
};
MemoryPlan plan_memory(const TrainerConfig& config, int threads);

class Trainer {
 public:
  Trainer(const TrainerConfig& config, const tensor::Exec& exec);

  // Step `step` (0-based) at learning rate `rate`: the samples [step·batch, (step+1)·batch) of `order`.
  // An error when loss or gradient is not finite, with the first parameter where; nothing was learnt then.
  Result<StepResult> step(const DataOrder& order, int64_t step, double rate);

  // After the parameters were written from outside.
  void parameters_changed() { parameters_.refresh_copy(exec_); }

  const TrainerConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }
  const Optimizer& optimizer() const { return optimizer_; }
  const nn::Decoder& decoder() const { return *decoder_; }
  int64_t tokens_per_step() const { return config_.batch * config_.T; }

 private:
  TrainerConfig config_;
  tensor::Exec exec_;
  Parameters parameters_;
  Optimizer optimizer_;
  GradientTree gradients_;
  std::unique_ptr<nn::Decoder> decoder_;
};

}  // namespace leam::learn
