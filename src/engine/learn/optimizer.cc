#include "engine/learn/optimizer.h"

#include <cmath>
#include <cstring>

#include "engine/learn/gradient.h"
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
    for (int64_t at = p.begin; at < p.begin + p.size; at += kPiece)
      pieces_.push_back({at, std::min(at + kPiece, p.begin + p.size), matrix});
  }
}

void Optimizer::step(int64_t step, double rate, double scale, const Tensor& gradient) {
  bug_if(gradient.numel() != parameters_->size(), "a gradient of another size");
  float* g = gradient.data<float>();
  exec_.pool.run(pieces_.size(), [&](size_t i) { adamw(pieces_[i], step, rate, scale, g); });
  for (const FlatParameter& p : orthogonal_) muon(p, rate, scale, g);
}

void Optimizer::adamw(const Piece& piece, int64_t step, double rate, double scale, float* gradient) const {
  const double t = static_cast<double>(step) + 1.0;
  const auto b1 = static_cast<float>(config_.beta1), b2 = static_cast<float>(config_.beta2);
  const float c1 = 1.0F - b1, c2 = 1.0F - b2;
  // η·m̂/(sqrt(v̂)+ε) = (η/(1-β1^t))·m / (sqrt(v)/sqrt(1-β2^t) + ε)
  const auto lr = static_cast<float>(rate / (1.0 - std::pow(config_.beta1, t)));
  const auto root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(config_.beta2, t)));
  const auto eps = static_cast<float>(config_.eps);
  const auto keep = static_cast<float>(piece.decays ? 1.0 - rate * config_.weight_decay : 1.0);
  const auto s = static_cast<float>(scale);
  float* w = parameters_->master();
  float* m = m_.data<float>();
  float* v = v_.data<float>();
  for (int64_t i = piece.begin; i < piece.end; ++i) {
    const float g = s * gradient[i];
    m[i] = b1 * m[i] + c1 * g;
    v[i] = b2 * v[i] + c2 * (g * g);
    w[i] = keep * w[i] - lr * m[i] / (std::sqrt(v[i]) * root + eps);
  }
  const auto n = static_cast<size_t>(piece.end - piece.begin);
  std::memset(gradient + piece.begin, 0, n * sizeof(float));
  if (tensor::BF16* copy = parameters_->copy()) {
    for (int64_t i = piece.begin; i < piece.end; ++i) copy[i] = tensor::to_bf16(w[i]);
  }
}

void Optimizer::muon(const FlatParameter& p, double rate, double scale, float* gradient) {
  const int64_t rows = p.spec.shape[0], cols = p.spec.shape[1];
  float* w = parameters_->master() + p.begin;
  float* m = m_.data<float>() + p.begin;
  float* g = gradient + p.begin;
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
  const Tensor direction = Tensor::view(p.spec.shape, DType::kF32, g, nullptr);
  const double norm = std::sqrt(sum_of_squares(direction.reshaped({p.size}), exec_.pool));
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
      g[i] = 0.0F;
    }
    if (copy != nullptr) {
      for (size_t i = begin; i < end; ++i) copy[i] = tensor::to_bf16(w[i]);
    }
  });
}

}  // namespace leam::learn
