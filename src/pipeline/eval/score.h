// What a text costs a model: the sum of -log p over its tokens and the end-of-document token.
//
// A document is the sequence [end-of-text, its tokens, end-of-text]: the first stands before every document
// in training and is read, not predicted; the last is predicted. A document longer than the model's context T
// is read through windows that overlap: each goes `stride` tokens further and counts only tokens that no
// window before it has counted, so each of those is predicted from at least T - stride tokens before it (the
// first window has no more to give; the last one is moved back to be full).
//
// Windows are packed into rows of T, so that short documents cost what they are worth. By the engine's
// contract (DESIGN §4.1) a window's result does not depend on what lies beside it or on the batch.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/nn/decoder.h"

namespace leam::eval {

// Predictions [begin, begin + size) of a document's sequence; the first `skip` are context only.
struct Window {
  size_t document = 0;
  int64_t begin = 0, size = 0, skip = 0;
  bool operator==(const Window&) const = default;
};

// The windows of a sequence with n predictions.
std::vector<Window> windows(size_t document, int64_t n, int64_t T, int64_t stride);

// Rows of at most T predictions, as indices of windows: long windows first, each put where it fits.
std::vector<std::vector<size_t>> pack(std::span<const Window> windows, int64_t T);

struct ScoreOptions {
  int64_t stride = 0;      // 0: half of the context
  int64_t batch_rows = 0;  // rows a call; 0: about 4096 tokens
};

// Nats of each sequence (ids from end-of-text to end-of-text, at least two). `on_tokens` hears how many of
// planned_tokens() are done and ends the work by an error.
Result<std::vector<double>> score(const nn::Decoder& decoder, const tensor::Exec& exec,
                                  std::span<const std::vector<int32_t>> sequences,
                                  const ScoreOptions& options,
                                  const std::function<Result<void>(int64_t)>& on_tokens = {});

// The tokens that score() computes for these sequences, padding included: the work.
int64_t planned_tokens(std::span<const std::vector<int32_t>> sequences, int64_t context,
                       const ScoreOptions& options);

}  // namespace leam::eval
