#include "engine/infer/generate.h"

#include <fmt/format.h>

#include <algorithm>

namespace leam::infer {

std::string AnswerText::finish() {
  std::string out = stops_.push(decoder_.finish());
  return out + stops_.finish();
}

std::vector<int32_t> prompt_ids(const text::Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids(tokenizer.prefix().begin(), tokenizer.prefix().end());
  const auto own = tokenizer.encode(text, {.add_special = false, .parse_special = false});
  ids.insert(ids.end(), own.begin(), own.end());
  return ids;
}

Result<Generated> generate(const nn::Decoder& decoder, const tensor::Exec& exec,
                           const text::Tokenizer& tokenizer, const std::vector<int32_t>& prompt,
                           const GenerateOptions& options,
                           const std::function<bool(std::string_view)>& on_text) {
  const nn::DecoderConfig& config = decoder.config();
  const auto length = static_cast<int64_t>(prompt.size());
  if (prompt.empty() || length >= config.max_context) {
    return Error(
        ErrorCode::kInvalid, "infer.generate",
        fmt::format("a prompt of {} tokens; this model takes 1 to {}", length, config.max_context - 1));
  }
  for (const int32_t id : prompt) {
    if (id < 0 || id >= config.vocab) {
      return Error(ErrorCode::kInvalid, "infer.generate",
                   fmt::format("token id {} is outside of the vocabulary", id));
    }
  }
  std::vector<int32_t> ends(config.eos_ids.begin(), config.eos_ids.end());
  ends.insert(ends.end(), options.stop_ids.begin(), options.stop_ids.end());
  const int64_t most = std::min(options.max_tokens, config.max_context - length);

  Generated out;
  AnswerText text(tokenizer, options.stop);
  TokenCounts counts;
  nn::KvSlot slot = decoder.make_slot(exec.memory, length + most);
  std::span<const int32_t> rows(prompt);
  int64_t filled = 0;
  int32_t next = 0;
  const auto say = [&](std::string piece) {
    out.text += piece;
    return piece.empty() || !on_text || on_text(piece);
  };
  while (static_cast<int64_t>(out.ids.size()) < most) {
    const nn::Chunk chunk{rows, filled, &slot, nn::Want::kLast};
    const tensor::Tensor logits = decoder.logits(exec, {&chunk, 1});
    filled += static_cast<int64_t>(rows.size());
    next = sample({logits.data<float>(), static_cast<size_t>(config.vocab)}, options.sampling,
                  static_cast<uint64_t>(filled), counts)
               .id;
    if (std::ranges::find(ends, next) != ends.end()) {
      out.ended = true;
      break;
    }
    out.ids.push_back(next);
    ++counts[next];
    const bool on = say(text.push(next));
    if (text.stopped()) out.ended = true;
    if (!on || text.stopped()) break;
    rows = {&next, 1};
  }
  if (!text.stopped()) say(text.finish());
  return out;
}

}  // namespace leam::infer
