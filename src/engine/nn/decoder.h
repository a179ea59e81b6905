// A decoder-only language model (Llama class): weights in, losses or logits out.
//
// A Decoder is immutable and may be used by several threads at once; what changes (KV caches, gradients)
// belongs to the caller. A row's result never depends on what else is in the call (DESIGN §4.1): training,
// evaluation and serving run the same operators.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/core/env.h"
#include "engine/nn/decoder_config.h"
#include "engine/tensor/tape.h"

namespace leam::nn {

// Packed sequences to learn from or to score: B rows of T tokens, flattened to N = B·T.
struct Batch {
  int64_t B = 0, T = 0;
  tensor::Tensor ids;        // (N) i32
  tensor::Tensor targets;    // (N) i32: the token that follows; negative = no loss
  tensor::Tensor positions;  // (N) i32: within the document
  tensor::Tensor starts;     // (N) i32: row of its sequence at which the document begins (attention.h)
};

// The keys and values of one sequence, a tensor (capacity, Hkv·D) a layer. Belongs to one request at a time.
struct KvSlot {
  std::vector<tensor::Tensor> k, v;
  int64_t capacity = 0;  // positions
};

enum class Want : uint8_t {
  kNone,  // fill the cache only
  kLast,  // logits after the chunk's last token
  kAll,   // logits after each of its tokens
};

// A run of new tokens of one sequence: positions start … start + ids.size() - 1 of `slot`, whose rows before
// `start` are filled.
struct Chunk {
  std::span<const int32_t> ids;
  int64_t start = 0;
  KvSlot* slot = nullptr;
  Want want = Want::kLast;
};

class Decoder {
 public:
  // From a Hugging Face folder (config.json, model.safetensors or its sharded index). Weights of type
  // `compute` stay in the mapped file; others are converted. Matrices get a copy arranged for products.
  static Result<std::unique_ptr<Decoder>> load(const Env& env, const tensor::Exec& exec,
                                               const std::string& folder, tensor::DType compute);
  // Over weights somebody else owns and may update between calls (training). In the order of
  // config.parameters(): `compute` (f32 or bf16) for tables and matrices, f32 for gains.
  Decoder(DecoderConfig config, std::vector<tensor::Tensor> weights);

  const DecoderConfig& config() const { return config_; }
  const std::vector<tensor::Tensor>& weights() const { return weights_; }
  tensor::DType compute() const { return weights_[0].dtype(); }
  uint64_t weight_bytes() const;

  // Summed loss in nats over the batch's targets. `grads` is empty (no gradient wanted) or holds one f32
  // tensor a parameter, which Tape::backward adds to. `row_losses` (N) f32 receives each row's own.
  tensor::Var loss(tensor::Tape& tape, const Batch& batch, std::span<tensor::Tensor> grads,
                   tensor::Tensor* row_losses = nullptr) const;
  // Each row's loss in nats, 0 where no target: (N) f32.
  tensor::Tensor row_losses(const tensor::Exec& exec, const Batch& batch) const;

  // A cache for `capacity` positions; kv_bytes() is what it costs.
  KvSlot make_slot(tensor::Memory& memory, int64_t capacity) const;
  uint64_t kv_bytes(int64_t capacity) const;
  // Runs the chunks (of different slots) as one batch, writes their keys and values into their slots, and
  // returns the wanted logits (R, V) f32, in chunk order. R = 0 gives an undefined tensor.
  // ids must be in [0, vocab) and start + size ≤ capacity and max_context: check requests before.
  tensor::Tensor logits(const tensor::Exec& exec, std::span<const Chunk> chunks) const;

 private:
  struct Layer {  // indices into weights_
    size_t input_norm, q, k, v, o, post_norm, gate, up, down;
  };
  Layer layer(int64_t index) const;
  size_t norm_index() const;
  size_t classifier_index() const { return config_.tied ? 0 : weights_.size() - 1; }

  DecoderConfig config_;
  std::vector<tensor::Tensor> weights_;
};

}  // namespace leam::nn
