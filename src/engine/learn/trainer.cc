#include "engine/learn/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/tensor/cpu/elementwise.h"

namespace leam::learn {
namespace {

// Σ of the micro-batches' losses in the tree's order.
double tree_sum(std::vector<double> x) {
  while (x.size() > 1) {
    std::vector<double> next;
    for (size_t i = 0; i + 1 < x.size(); i += 2) next.push_back(x[i] + x[i + 1]);
    if (x.size() % 2 == 1) next.push_back(x.back());
    x = std::move(next);
  }
  return x[0];
}

}  // namespace

Trainer::Trainer(const TrainerConfig& config, const tensor::Exec& exec)
    : config_(config),
      exec_(exec),
      parameters_(exec, config.model, config.compute),
      optimizer_(parameters_, config.optimizer, exec),
      gradients_(parameters_, exec),
      decoder_(parameters_.decoder()) {
  bug_if(config.batch % config.micro_batch != 0, "a micro-batch that does not divide the batch");
}

Result<StepResult> Trainer::step(const DataOrder& order, int64_t step, double rate) {
  const auto first = static_cast<uint64_t>(step * config_.batch);
  const double rows = static_cast<double>(tokens_per_step());
  std::vector<double> losses;
  for (int64_t at = 0; at < config_.batch; at += config_.micro_batch) {
    const nn::Batch batch =
        LEAM_TRY(order.batch(exec_.memory, first + static_cast<uint64_t>(at), config_.micro_batch));
    gradients_.next();
    tensor::Tape tape(exec_, true);
    const tensor::Var loss = decoder_->loss(tape, batch, gradients_.views());
    losses.push_back(double{loss.value().data<float>()[0]});
    tape.backward(loss, static_cast<float>(1.0 / rows));
    gradients_.push();
  }
  const tensor::Tensor& gradient = gradients_.sum();
  StepResult result;
  result.loss = tree_sum(std::move(losses)) / rows;
  result.gradient_norm = std::sqrt(tensor::cpu::squared_norm(exec_, gradient));
  if (!std::isfinite(result.loss) || !std::isfinite(result.gradient_norm)) {
    const std::string where = first_not_finite(parameters_, gradient);
    return Error(
        ErrorCode::kInvalid, "learn.trainer",
        fmt::format("step {}: loss {} and gradient norm {} are not finite{}", step, result.loss,
                    result.gradient_norm, where.empty() ? "" : "; the first bad gradient is of " + where),
        "lower [train] lr, or raise warmup; the last checkpoint is kept");
  }
  const bool clipped = config_.clip > 0 && result.gradient_norm > config_.clip;
  optimizer_.step(step, rate, clipped ? config_.clip / result.gradient_norm : 1.0, gradient);
  gradients_.reset();
  return result;
}

MemoryPlan plan_memory(const TrainerConfig& config, int threads) {
  const nn::DecoderConfig& m = config.model;
  MemoryPlan plan;
  const auto parameters = static_cast<uint64_t>(m.parameter_count());
  const bool bf16 = config.compute == tensor::DType::kBF16;
  plan.weights = parameters * (bf16 ? 6 : 4);
  plan.moments = parameters * 8;
  plan.gradients =
      parameters * 4 * static_cast<uint64_t>(GradientTree::buffers(config.batch / config.micro_batch));
  // What the operators keep for their backward, a row and a layer: norm inputs and outputs (4 C), queries,
  // keys, values before and after rotation and the attention's output, the inner activations (4 F).
  const auto rows = static_cast<uint64_t>(config.micro_batch * config.T);
  const auto q = static_cast<uint64_t>(m.n_heads * m.head_dim);
  const auto kv = static_cast<uint64_t>(m.n_kv_heads * m.head_dim);
  const auto c = static_cast<uint64_t>(m.d_model), f = static_cast<uint64_t>(m.ffn);
  const uint64_t element = bf16 ? 2 : 4;
  const uint64_t layer = (4 * c + 2 * q + 2 * kv + 3 * f) * element;
  // The classifier's block of logits a thread, and its gradient.
  const uint64_t logits = static_cast<uint64_t>(threads) * 256 * static_cast<uint64_t>(m.vocab) * 6;
  plan.activations = rows * (static_cast<uint64_t>(m.n_layers) * layer + 8 * c * element) + logits;
  return plan;
}

}  // namespace leam::learn
