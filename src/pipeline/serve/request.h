// The body of a completion request, every field checked: unknown ones, wrong types and values out of range
// are refused with the field's name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/infer/sampling.h"
#include "pipeline/serve/api_error.h"

namespace leam::serve {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string text;
};

struct ApiRequest {
  bool chat = false;
  std::string model;
  std::vector<Message> messages;                           // chat
  std::variant<std::string, std::vector<int32_t>> prompt;  // completions: text or token ids
  std::optional<int64_t> max_tokens;
  infer::Sampling sampling;
  bool seeded = false;  // the client gave a seed
  std::vector<std::string> stop;
  bool stream = false, include_usage = false;
};

// `vocab` bounds token ids. Ids of the answer are not looked at: whether the model exists and the prompt
// fits is the caller's to say.
std::variant<ApiRequest, ApiError> parse_request(std::string_view body, bool chat, int64_t vocab);

}  // namespace leam::serve
