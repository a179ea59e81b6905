// From logits to the next token. A draw is a pure function of (seed, position), so an answer does not
// depend on what else the server computes at the time.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace leam::infer {

struct Sampling {
  double temperature = 1.0;  // 0: the most probable token, the lowest id among equals
  double top_p = 1.0;        // (0, 1]: from the fewest most probable tokens that hold this much (nucleus)
  uint64_t seed = 0;
  // Taken off the logit of each token generated so far: presence once, frequency for each time.
  double presence_penalty = 0, frequency_penalty = 0;
  std::vector<std::pair<int32_t, float>> bias = {};  // token, added to its logit
  int logprobs = -1;  // number of most probable alternatives to report; negative: no log-probabilities
};

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;  // natural, of the model's own distribution (before temperature, penalties and bias)
};

struct Sampled {
  int32_t id = 0;
  float logprob = 0;              // 0 unless asked for
  std::vector<TokenLogprob> top;  // most probable first
};

using TokenCounts = std::unordered_map<int32_t, int>;

// `logits` (V) f32; `position` of the token to be drawn in its sequence; `generated` counts the tokens
// generated so far (only read when there are penalties). Logits that are not finite count as impossible.
Sampled sample(std::span<const float> logits, const Sampling& how, uint64_t position,
               const TokenCounts& generated);

}  // namespace leam::infer
