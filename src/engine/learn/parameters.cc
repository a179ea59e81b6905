#include "engine/learn/parameters.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/core/rng.h"
#include "engine/tensor/cpu/elementwise.h"

namespace leam::learn {
namespace {

using tensor::DType;
using tensor::Tensor;

constexpr size_t kGrain = 1 << 16;  // elements a task

int64_t padded(int64_t n) {
  return (n + Parameters::kAlign - 1) / Parameters::kAlign * Parameters::kAlign;
}

}  // namespace

Parameters::Parameters(const tensor::Exec& exec, const nn::DecoderConfig& config, DType compute)
    : config_(config), compute_(compute) {
  for (nn::ParameterSpec& spec : config.parameters()) {
    const int64_t n = spec.shape.numel();
    list_.push_back({std::move(spec), size_, n});
    size_ += padded(n);
  }
  master_ = zeros(exec.memory);
  if (compute == DType::kBF16) copy_ = Tensor::zeros(exec.memory, {size_}, DType::kBF16);
}

void Parameters::refresh_copy(const tensor::Exec& exec) {
  if (copy_.defined()) tensor::cpu::copy(exec, master_, copy_);
}

std::unique_ptr<nn::Decoder> Parameters::decoder() const {
  std::vector<Tensor> weights;
  for (const FlatParameter& p : list_) {
    const bool gain = p.spec.kind == nn::ParameterKind::kGain;
    const Tensor& flat = copy_.defined() && !gain ? copy_ : master_;
    weights.push_back(flat.rows(p.begin, p.begin + p.size).reshaped(p.spec.shape));
  }
  return std::make_unique<nn::Decoder>(config_, std::move(weights));
}

Tensor Parameters::zeros(tensor::Memory& memory) const {
  return Tensor::zeros(memory, {size_}, DType::kF32);
}

std::vector<Tensor> Parameters::views(const Tensor& flat) const {
  std::vector<Tensor> out;
  for (const FlatParameter& p : list_)
    out.push_back(flat.rows(p.begin, p.begin + p.size).reshaped(p.spec.shape));
  return out;
}

void Parameters::init(uint64_t seed, const tensor::Exec& exec) {
  const double std = config_.init_std;
  const double residual = std / std::sqrt(2.0 * static_cast<double>(config_.n_layers));
  for (size_t index = 0; index < list_.size(); ++index) {
    const FlatParameter& p = list_[index];
    float* w = master() + p.begin;
    if (p.spec.kind == nn::ParameterKind::kGain) {
      for (int64_t i = 0; i < p.size; ++i) w[i] = 1.0F;
      continue;
    }
    const bool back = p.spec.name.ends_with("o_proj.weight") || p.spec.name.ends_with("down_proj.weight");
    // Four draws a block: element i is word i mod 4 of block i / 4.
    const auto half_width = static_cast<float>(std::sqrt(3.0) * (back ? residual : std));
    const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed) ^ purpose("init"),
                                         static_cast<uint32_t>(seed >> 32)};
    exec.pool.run_range(static_cast<size_t>(p.size), kGrain, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; i += 4) {
        const auto block = static_cast<uint64_t>(i / 4);
        const auto words = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                                   static_cast<uint32_t>(index), 0},
                                  key);
        for (size_t k = 0; k < std::min<size_t>(4, end - i); ++k) {
          const float uniform = static_cast<float>(words[k] >> 8) * 0x1p-23F - 1.0F;  // in [-1, 1)
          w[i + k] = half_width * uniform;
        }
      }
    });
  }
  refresh_copy(exec);
}

}  // namespace leam::learn
