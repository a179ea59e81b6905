// Optimisers over f32 master weights.
//
// AdamW (Loshchilov and Hutter, 2019):
//   m ← β1 m + (1-β1) g,  v ← β2 v + (1-β2) g²,  w ← w - η·( m̂/(sqrt(v̂)+ε) + λ w )
// with m̂ = m/(1-β1^t), v̂ = v/(1-β2^t). Decay λ is on matrices only: not on gains, and not on token tables,
// whose rows of rare tokens would decay without being learnt.
//
// Muon (Jordan et al., 2024) for matrices, AdamW for the rest: the momentum's orthogonal factor instead of
// its sign-like ratio, by five Newton-Schulz steps; scaled by 0.2·sqrt(max(rows, columns)) so that rate and
// decay mean the same as for AdamW (Liu et al., 2025).
#pragma once

#include <cstdint>
#include <string>

#include "engine/learn/parameters.h"

namespace leam::learn {

enum class OptimizerKind : uint8_t { kAdamW, kMuon };

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8;
  double weight_decay = 0.1;
  double momentum = 0.95;   // of Muon (Nesterov)
  double table_rate = 1.0;  // rate of tables and gains, relative to that of matrices
};

class Optimizer {
 public:
  Optimizer(const Parameters& parameters, const OptimizerConfig& config, const tensor::Exec& exec);

  // One update (number `step`, 0-based) from `scale`·`gradient`, whose content is lost. The bf16 copy
  // follows.
  void step(int64_t step, double rate, double scale, const tensor::Tensor& gradient);

  // Flat like the parameters. Muon's matrices use only the first.
  const tensor::Tensor& first() const { return m_; }
  const tensor::Tensor& second() const { return v_; }
  const OptimizerConfig& config() const { return config_; }

 private:
  struct Range {  // neighbours in the flat block that are treated alike
    int64_t begin = 0, end = 0;
    bool matrix = false;
  };
  void adamw(const Range& range, int64_t step, double rate, double scale, const tensor::Tensor& gradient);
  void muon(const FlatParameter& parameter, double rate, double scale, const tensor::Tensor& gradient);

  const Parameters* parameters_;
  OptimizerConfig config_;
  tensor::Exec exec_;
  tensor::Tensor m_, v_;
  std::vector<Range> ranges_;              // updated by AdamW
  std::vector<FlatParameter> orthogonal_;  // updated by Muon
};

}  // namespace leam::learn
