// One answer at a time, without a server: for evaluation, reports and the command line. The same steps and
// the same draws as the scheduler's, hence the same text for the same seed.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text/tokenizer.h"
#include "engine/infer/sampling.h"
#include "engine/infer/stop_text.h"
#include "engine/nn/decoder.h"

namespace leam::infer {

// Tokens to text for whoever reads along: whole characters, stop strings and special tokens left out.
class AnswerText {
 public:
  AnswerText(const text::Tokenizer& tokenizer, std::vector<std::string> stops)
      : decoder_(tokenizer), stops_(std::move(stops)) {}
  std::string push(int32_t id) { return stops_.push(decoder_.push(static_cast<text::TokenId>(id))); }
  std::string finish();
  bool stopped() const { return stops_.hit(); }

 private:
  text::StreamDecoder decoder_;
  StopText stops_;
};

struct GenerateOptions {
  int64_t max_tokens = 64;  // cut to what the context leaves
  Sampling sampling;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_ids;  // beside the model's own end tokens
};

struct Generated {
  std::string text;          // of the answer only
  std::vector<int32_t> ids;  // of the answer, without the end token
  bool ended = false;        // by an end token or stop string, not by max_tokens
};

// The ids that stand for `text` at the start of a prompt: with the tokens the tokenizer puts before a text,
// without those it puts after it. Special tokens written out in `text` are text.
std::vector<int32_t> prompt_ids(const text::Tokenizer& tokenizer, std::string_view text);

// `on_text` hears the answer as it grows; false ends it. An empty or too long prompt is kInvalid.
Result<Generated> generate(const nn::Decoder& decoder, const tensor::Exec& exec,
                           const text::Tokenizer& tokenizer, const std::vector<int32_t>& prompt,
                           const GenerateOptions& options,
                           const std::function<bool(std::string_view)>& on_text = {});

}  // namespace leam::infer
