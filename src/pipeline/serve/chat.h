// The chat template: messages to the ids a model continues.
//
// A tokenizer with the special tokens <|im_start|> and <|im_end|> gets ChatML:
//   <|im_start|>user\nHallo<|im_end|>\n<|im_start|>assistant\n
// any other one plain text, which a model without instruction tuning continues well enough to try it:
//   User: Hallo\n\nAssistant:
// What people write can never become a special token; in plain text it can still look like a turn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/text/tokenizer.h"
#include "pipeline/serve/request.h"

namespace leam::serve {

struct ChatPrompt {
  std::vector<int32_t> ids;
  std::vector<int32_t> stop_ids;   // that end the assistant's turn
  std::vector<std::string> stops;  // the same as text
  bool trim = false;               // white space before the answer is the template's, not the answer's
};

ChatPrompt chat_prompt(const text::Tokenizer& tokenizer, const std::vector<Message>& messages);

}  // namespace leam::serve
