#include "pipeline/serve/chat.h"

#include "engine/infer/generate.h"

namespace leam::serve {
namespace {

std::string_view plain_name(const std::string& role) {
  if (role == "system") return "System";
  return role == "user" ? "User" : "Assistant";
}

}  // namespace

ChatPrompt chat_prompt(const text::Tokenizer& tokenizer, const std::vector<Message>& messages) {
  ChatPrompt out;
  const auto start = tokenizer.token_to_id("<|im_start|>"), end = tokenizer.token_to_id("<|im_end|>");
  if (!start || !end) {
    std::string text;
    for (const Message& m : messages)
      text.append(plain_name(m.role)).append(": ").append(m.text).append("\n\n");
    text += "Assistant:";
    out.ids = infer::prompt_ids(tokenizer, text);
    out.stops = {"\nUser:", "\nSystem:", "\nAssistant:"};
    out.trim = true;
    return out;
  }
  out.ids.assign(tokenizer.prefix().begin(), tokenizer.prefix().end());
  const auto say = [&](std::string_view text) {
    const auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
  };
  for (const Message& m : messages) {
    out.ids.push_back(static_cast<int32_t>(*start));
    say(m.role + "\n" + m.text);
    out.ids.push_back(static_cast<int32_t>(*end));
    say("\n");
  }
  out.ids.push_back(static_cast<int32_t>(*start));
  say("assistant\n");
  out.stop_ids = {static_cast<int32_t>(*end)};
  return out;
}

}  // namespace leam::serve
