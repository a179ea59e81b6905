// The shape of a decoder-only language model, as Hugging Face's config.json states it
// (LlamaForCausalLM: RMSNorm, rotary positions, SwiGLU, grouped keys and values, no biases).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"
#include "engine/tensor/tensor.h"

namespace leam::nn {

// What a parameter is to an optimiser: matrices decay and may be orthogonalised, the others do neither.
enum class ParameterKind : uint8_t {
  kEmbedding,  // (V, C): token table, or an untied classifier
  kMatrix,     // (O, I)
  kGain,       // (C): of a norm; always kept in f32
};

// One parameter by its Hugging Face name.
struct ParameterSpec {
  std::string name;
  tensor::Shape shape;
  ParameterKind kind = ParameterKind::kMatrix;
};

struct DecoderConfig {
  int64_t vocab = 0;     // vocab_size
  int64_t d_model = 0;   // hidden_size
  int64_t n_layers = 0;  // num_hidden_layers
  int64_t n_heads = 0;   // num_attention_heads
  int64_t n_kv_heads = 0;
  int64_t head_dim = 0;
  int64_t ffn = 0;          // intermediate_size
  int64_t max_context = 0;  // max_position_embeddings
  double rope_theta = 10000.0;
  double norm_eps = 1e-5;  // rms_norm_eps
  bool tied = true;        // tie_word_embeddings
  double init_std = 0.02;  // initializer_range, for information
  int64_t bos_id = -1;     // -1: none
  std::vector<int64_t> eos_ids;

  // Reads both spellings in use (transformers 4: rope_theta, rope_scaling, torch_dtype; 5: rope_parameters,
  // dtype). A field that asks for something this class does not compute is an error that names it. `where`
  // names the file.
  static Result<DecoderConfig> from_json(std::string_view text, std::string_view where);
  // config.json that transformers 4 and 5 both read. `stored` is the type of the saved weights.
  std::string to_json(tensor::DType stored) const;
  // An error that names the first field that contradicts another or is out of range.
  Result<void> check(std::string_view where) const;

  // Every parameter in the order they are stored and trained: table, layers, final norm, classifier if
  // it is not tied.
  std::vector<ParameterSpec> parameters() const;
  int64_t parameter_count() const;
  // Floating point operations of one token's forward pass at mean attention length `context`/2 (2 a
  // multiply-add): products and attention. Training costs three times that.
  double forward_flops(int64_t context) const;
};

}  // namespace leam::nn
