#include "engine/learn/optimizer.h"

#include <cmath>

#include "engine/tensor/cpu/elementwise.h"
#include "engine/tensor/ops/linear/linear.h"

namespace leam::learn {
namespace {

using tensor::DType;
using tensor::Tensor;

constexpr int64_t kPiece = 1 << 16;  // elements a task

Tensor transposed(const Tensor& x, const tensor::Exec& exec) {
  const int64_t rows = x.shape()[0], cols = x.shape()[1];
  Tensor y = Tensor::empty(exec.memory, {cols, rows}, DType::kBF16);
  const tensor::BF16* from = x.data<tensor::BF16>();
  tensor::BF16* to = y.data<tensor::BF16>();
  constexpr int64_t kTile = 32;
  exec.pool.run_range(static_cast<size_t>(cols), kTile, [&](size_t begin, size_t end) {
    for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
      for (auto c = static_cast<int64_t>(begin); c < static_cast<int64_t>(end); ++c) {
        for (int64_t r = r0; r < std::min(rows, r0 + kTile); ++r) to[c * rows + r] = from[r * cols + c];
      }
    }
  });
  return y;
}

// x · yᵀ, x and y (n, k) and (m, k).
Tensor product(const Tensor& x, const Tensor& y, const tensor::Exec& exec) {
  tensor::Tape tape(exec, false);
  return linear(tape, tape.constant(x), tape.constant(y)).value();
}

// a·x + b·y in place of y.
void combine(float a, const Tensor& x, float b, const Tensor& y, ThreadPool& pool) {
  const tensor::BF16* from = x.data<tensor::BF16>();
  tensor::BF16* to = y.data<tensor::BF16>();
  pool.run_range(static_cast<size_t>(x.numel()), kPiece, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i)
      to[i] = tensor::to_bf16(a * tensor::to_float(from[i]) + b * tensor::to_float(to[i]));
  });
}

// The orthogonal factor of x (rows ≤ columns, bf16, Frobenius norm 1), nearly: its singular values come to
// lie around 1. Quintic of Jordan et al., 2024.
Tensor orthogonalised(Tensor x, const tensor::Exec& exec) {
  constexpr float kA = 3.4445F, kB = -4.7750F, kC = 2.0315F;
  for (int i = 0; i < 5; ++i) {
    const Tensor gram = product(x, x, exec);          // X Xᵀ, symmetric
    const Tensor square = product(gram, gram, exec);  // (X Xᵀ)²
    combine(kB, gram, kC, square, exec.pool);         // square ← b·gram + c·square
    const Tensor turned = product(square, transposed(x, exec), exec);
    combine(kA, x, 1.0F, turned, exec.pool);
    x = turned;
  }
  return x;
}

}  // namespace

Optimizer::Optimizer(const Parameters& parameters, const OptimizerConfig& config, const tensor::Exec& exec)
    : parameters_(&parameters),
      config_(config),
      exec_(exec),
      m_(parameters.zeros(exec.memory)),
      v_(parameters.zeros(exec.memory)) {
  for (const FlatParameter& p : parameters.list()) {
    const bool matrix = p.spec.kind == nn::ParameterKind::kMatrix;
    if (matrix && config.kind == OptimizerKind::kMuon) {
      orthogonal_.push_back(p);
      continue;
    }
    const int64_t end = p.begin + p.size;
    // What lies between two parameters is zero and stays so.
    if (!ranges_.empty() && ranges_.back().matrix == matrix && end > ranges_.back().end &&
        p.begin - ranges_.back().end < Parameters::kAlign) {
      ranges_.back().end = end;
    } else {
      ranges_.push_back({p.begin, end, matrix});
    }
  }
}

void Optimizer::step(int64_t step, double rate, double scale, const Tensor& gradient) {
  bug_if(gradient.numel() != parameters_->size(), "a gradient of another size");
  for (const Range& range : ranges_) adamw(range, step, rate, scale, gradient);
  for (const FlatParameter& p : orthogonal_) muon(p, rate, scale, gradient);
}

void Optimizer::adamw(const Range& range, int64_t step, double rate, double scale, const Tensor& gradient) {
  tensor::cpu::AdamW a;
  a.lr = static_cast<float>(range.matrix ? rate : rate * config_.table_rate);
  a.beta1 = static_cast<float>(config_.beta1);
  a.beta2 = static_cast<float>(config_.beta2);
  a.eps = static_cast<float>(config_.eps);
  a.weight_decay = static_cast<float>(range.matrix ? config_.weight_decay : 0.0);
  a.step = step + 1;
  a.grad_scale = static_cast<float>(scale);
  const auto cut = [&](const Tensor& flat) { return flat.rows(range.begin, range.end); };
  Tensor w = cut(parameters_->master_tensor()), m = cut(m_), v = cut(v_);
  Tensor copy = parameters_->copy() == nullptr ? Tensor() : cut(parameters_->copy_tensor());
  tensor::cpu::adamw(exec_, a, cut(gradient), w, m, v, copy.defined() ? &copy : nullptr);
}

void Optimizer::muon(const FlatParameter& p, double rate, double scale, const Tensor& gradient) {
  const int64_t rows = p.spec.shape[0], cols = p.spec.shape[1];
  float* w = parameters_->master() + p.begin;
  float* m = m_.data<float>() + p.begin;
  const Tensor direction = gradient.rows(p.begin, p.begin + p.size);
  float* g = direction.data<float>();
  const auto size = static_cast<size_t>(p.size);
  const auto mu = static_cast<float>(config_.momentum);
  const auto s = static_cast<float>(scale);
  // Nesterov: look ahead along the new momentum. g becomes the direction.
  exec_.pool.run_range(size, kPiece, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const float now = s * g[i];
      m[i] = mu * m[i] + (1.0F - mu) * now;
      g[i] = mu * m[i] + (1.0F - mu) * now;
    }
  });
  const double norm = std::sqrt(tensor::cpu::squared_norm(exec_, direction));
  Tensor x = Tensor::empty(exec_.memory, {rows, cols}, DType::kBF16);
  const auto unit = static_cast<float>(1.0 / (norm + 1e-20));
  exec_.pool.run_range(size, kPiece, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) x.data<tensor::BF16>()[i] = tensor::to_bf16(unit * g[i]);
  });
  const bool tall = rows > cols;
  x = orthogonalised(tall ? transposed(x, exec_) : x, exec_);
  if (tall) x = transposed(x, exec_);

  const auto lr = static_cast<float>(rate * 0.2 * std::sqrt(static_cast<double>(std::max(rows, cols))));
  const auto keep = static_cast<float>(1.0 - rate * config_.weight_decay);
  tensor::BF16* copy = parameters_->copy() == nullptr ? nullptr : parameters_->copy() + p.begin;
  exec_.pool.run_range(size, kPiece, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      w[i] = keep * w[i] - lr * tensor::to_float(x.data<tensor::BF16>()[i]);
    }
    if (copy != nullptr) {
      for (size_t i = begin; i < end; ++i) copy[i] = tensor::to_bf16(w[i]);
    }
  });
}

}  // namespace leam::learn
