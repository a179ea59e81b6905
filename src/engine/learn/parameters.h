// A model's parameters as one flat block, so that the optimiser, the norm and the gradient tree each run
// over one array whatever the model looks like. Every parameter starts at a multiple of kAlign elements;
// what lies between is zero and stays zero.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/nn/decoder.h"
#include "engine/tensor/tape.h"

namespace leam::learn {

struct FlatParameter {
  nn::ParameterSpec spec;
  int64_t begin = 0, size = 0;  // elements of the flat block
};

class Parameters {
 public:
  static constexpr int64_t kAlign = 32;

  // Master weights (f32, uninitialised until init or a checkpoint fills them), and a bf16 copy of tables
  // and matrices when that is what the model computes in.
  Parameters(const tensor::Exec& exec, const nn::DecoderConfig& config, tensor::DType compute);

  const nn::DecoderConfig& config() const { return config_; }
  const std::vector<FlatParameter>& list() const { return list_; }
  int64_t size() const { return size_; }  // of the flat block, padding included
  tensor::DType compute() const { return compute_; }

  float* master() const { return master_.data<float>(); }
  // The bf16 copy, or nullptr when computing in f32.
  tensor::BF16* copy() const { return copy_.defined() ? copy_.data<tensor::BF16>() : nullptr; }
  const tensor::Tensor& master_tensor() const { return master_; }
  const tensor::Tensor& copy_tensor() const { return copy_; }  // undefined when computing in f32
  // Rounds every master weight into the copy.
  void refresh_copy(const tensor::Exec& exec);

  // What the model reads: views of the copy (gains: of the master).
  std::unique_ptr<nn::Decoder> decoder() const;
  // A zeroed flat f32 block of the same layout, and its views by parameter.
  tensor::Tensor zeros(tensor::Memory& memory) const;
  std::vector<tensor::Tensor> views(const tensor::Tensor& flat) const;

  // Uniform weights with mean 0 by (seed, parameter, element): standard deviation config.init_std, for
  // projections back into the residual stream divided by sqrt(2·layers) (Radford et al., 2019); gains 1.
  void init(uint64_t seed, const tensor::Exec& exec);

 private:
  nn::DecoderConfig config_;
  tensor::DType compute_;
  std::vector<FlatParameter> list_;
  int64_t size_ = 0;
  tensor::Tensor master_, copy_;
};

}  // namespace leam::learn
