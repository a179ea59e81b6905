#include "pipeline/serve/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/core/config.h"
#include "base/core/json.h"

namespace leam::serve {
namespace {

constexpr size_t kStops = 4, kStopBytes = 500, kMessages = 2048, kBiases = 1024;

// Asks a JSON object for its fields one by one and keeps the first fault. null is the same as absent.
class Fields {
 public:
  explicit Fields(const json::object& o) : object_(o) {}

  const json::value* take(std::string_view name) {
    known_.emplace_back(name);
    const json::value* v = object_.if_contains(name);
    return v == nullptr || v->is_null() ? nullptr : v;
  }
  void fail(std::string_view param, std::string message, std::string code = "") {
    if (!error_) error_ = bad_field(std::string(param), std::move(message), std::move(code));
  }

  std::optional<int64_t> integer(std::string_view name, int64_t min, int64_t max) {
    const json::value* v = take(name);
    if (v == nullptr) return {};
    int64_t n = 0;
    if (v->is_int64()) {
      n = v->get_int64();
    } else if (v->is_uint64()) {
      n = INT64_MAX;
      if (max == INT64_MAX) return fail(name, fmt::format("'{}' is too large.", name)), std::nullopt;
    } else {
      fail(name, fmt::format("'{}' must be an integer.", name), "invalid_type");
      return {};
    }
    if (n < min || n > max) {
      fail(name,
           fmt::format("'{}' is {}; it must be between {} and {}.", name, json::serialize(*v), min, max),
           "invalid_value");
      return {};
    }
    return n;
  }
  std::optional<double> number(std::string_view name, double min, double max) {
    const json::value* v = take(name);
    if (v == nullptr) return {};
    if (!v->is_number()) {
      fail(name, fmt::format("'{}' must be a number.", name), "invalid_type");
      return {};
    }
    const double x = v->to_number<double>();
    if (!(x >= min && x <= max)) {
      fail(name, fmt::format("'{}' is {}; it must be between {} and {}.", name, x, min, max),
           "invalid_value");
      return {};
    }
    return x;
  }
  bool flag(std::string_view name) {
    const json::value* v = take(name);
    if (v == nullptr) return false;
    if (!v->is_bool()) fail(name, fmt::format("'{}' must be true or false.", name), "invalid_type");
    return v->is_bool() && v->get_bool();
  }
  std::optional<std::string> string(std::string_view name) {
    const json::value* v = take(name);
    if (v == nullptr) return {};
    if (!v->is_string()) {
      fail(name, fmt::format("'{}' must be a string.", name), "invalid_type");
      return {};
    }
    return std::string(v->get_string());
  }
  // A field of OpenAI's that has no effect here, whatever its value.
  void ignore(std::string_view name) { take(name); }
  // One that is allowed only with a value that asks for nothing.
  void only(std::string_view name, const json::value& allowed, std::string_view why) {
    const json::value* v = take(name);
    if (v == nullptr || *v == allowed) return;
    fail(name, fmt::format("'{}' other than {} is not supported: {}.", name, json::serialize(allowed), why),
         "unsupported_value");
  }

  std::optional<ApiError> finish(std::string_view within = "") {
    if (error_) return error_;
    for (const auto& [name, value] : object_) {
      const std::string key(name);
      if (std::ranges::find(known_, key) != known_.end()) continue;
      const std::string near = nearest(key, known_);
      fail(std::string(within) + key,
           fmt::format("Unknown field '{}{}'.{}", within, key,
                       near.empty() ? "" : fmt::format(" Did you mean '{}'?", near)),
           "unknown_parameter");
      break;
    }
    return error_;
  }
  bool failed() const { return error_.has_value(); }

 private:
  const json::object& object_;
  std::vector<std::string> known_;
  std::optional<ApiError> error_;
};

void read_stop(Fields& f, ApiRequest& r) {
  const json::value* v = f.take("stop");
  if (v == nullptr) return;
  if (v->is_string()) {
    r.stop.emplace_back(v->get_string());
  } else if (v->is_array()) {
    for (const json::value& s : v->get_array()) {
      if (!s.is_string())
        return f.fail("stop", "'stop' must be a string or an array of strings.", "invalid_type");
      r.stop.emplace_back(s.get_string());
    }
  } else {
    return f.fail("stop", "'stop' must be a string or an array of strings.", "invalid_type");
  }
  if (r.stop.size() > kStops) {
    return f.fail("stop",
                  fmt::format("'stop' has {} strings; at most {} are allowed.", r.stop.size(), kStops),
                  "invalid_value");
  }
  for (const std::string& s : r.stop) {
    if (s.empty() || s.size() > kStopBytes) {
      return f.fail("stop", fmt::format("a string of 'stop' must have 1 to {} bytes.", kStopBytes),
                    "invalid_value");
    }
  }
}

void read_stream(Fields& f, ApiRequest& r) {
  r.stream = f.flag("stream");
  const json::value* v = f.take("stream_options");
  if (v == nullptr) return;
  if (!v->is_object()) return f.fail("stream_options", "'stream_options' must be an object.", "invalid_type");
  if (!r.stream) {
    return f.fail("stream_options", "'stream_options' is only allowed when 'stream' is true.",
                  "invalid_value");
  }
  Fields options(v->get_object());
  r.include_usage = options.flag("include_usage");
  options.only("include_obfuscation", false, "chunks are not padded");
  if (auto error = options.finish("stream_options.")) {
    f.fail(error->param.starts_with("stream_options") ? error->param : "stream_options." + error->param,
           error->message, error->code);
  }
}

void read_bias(Fields& f, ApiRequest& r, int64_t vocab) {
  const json::value* v = f.take("logit_bias");
  if (v == nullptr) return;
  if (!v->is_object()) {
    return f.fail("logit_bias", "'logit_bias' must be an object from token id to number.", "invalid_type");
  }
  if (v->get_object().size() > kBiases) {
    return f.fail("logit_bias", fmt::format("'logit_bias' has more than {} entries.", kBiases),
                  "invalid_value");
  }
  for (const auto& [key, value] : v->get_object()) {
    int32_t id = -1;
    const auto [end, err] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (err != std::errc() || end != key.data() + key.size() || id < 0 || id >= vocab) {
      return f.fail("logit_bias", fmt::format("'logit_bias' has a key that is no token id below {}.", vocab),
                    "invalid_value");
    }
    const double bias = value.is_number() ? value.to_number<double>() : 1e9;
    if (!(bias >= -100 && bias <= 100)) {
      return f.fail("logit_bias", "values of 'logit_bias' must be numbers between -100 and 100.",
                    "invalid_value");
    }
    r.sampling.bias.emplace_back(id, static_cast<float>(bias));
  }
}

void read_common(Fields& f, ApiRequest& r, int64_t vocab) {
  if (auto model = f.string("model")) {
    r.model = std::move(*model);
  } else {
    f.fail("model", "you must provide a 'model'.", "missing_required_parameter");
  }
  r.max_tokens = f.integer("max_tokens", 1, INT32_MAX);
  r.sampling.temperature = f.number("temperature", 0, 2).value_or(1);
  r.sampling.top_p = std::max(f.number("top_p", 0, 1).value_or(1), 1e-9);
  r.sampling.presence_penalty = f.number("presence_penalty", -2, 2).value_or(0);
  r.sampling.frequency_penalty = f.number("frequency_penalty", -2, 2).value_or(0);
  if (const auto seed = f.integer("seed", INT64_MIN, INT64_MAX)) {
    r.sampling.seed = static_cast<uint64_t>(*seed);
    r.seeded = true;
  }
  if (const auto n = f.integer("n", 1, 128); n && *n != 1) {
    f.fail("n", "'n' other than 1 is not supported: send the request again for another answer.",
           "unsupported_value");
  }
  read_stop(f, r);
  read_stream(f, r);
  read_bias(f, r, vocab);
  f.ignore("user");
}

void read_prompt(Fields& f, ApiRequest& r, int64_t vocab) {
  const json::value* v = f.take("prompt");
  if (v == nullptr) return f.fail("prompt", "you must provide a 'prompt'.", "missing_required_parameter");
  const std::string form = "'prompt' must be one string or one array of token ids.";
  // A list of one prompt is that prompt.
  if (v->is_array() && v->get_array().size() == 1 && !v->get_array()[0].is_number()) v = &v->get_array()[0];
  if (v->is_string()) {
    r.prompt = std::string(v->get_string());
    return;
  }
  if (!v->is_array()) return f.fail("prompt", form, "invalid_type");
  std::vector<int32_t> ids;
  for (const json::value& id : v->get_array()) {
    if (id.is_string() || id.is_array()) {
      return f.fail("prompt", form + " Several prompts in one request are not supported.",
                    "unsupported_value");
    }
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() >= vocab) {
      return f.fail("prompt", fmt::format("'prompt' has something that is no token id below {}.", vocab),
                    "invalid_value");
    }
    ids.push_back(static_cast<int32_t>(id.get_int64()));
  }
  if (ids.empty()) return f.fail("prompt", "'prompt' is empty.", "invalid_value");
  r.prompt = std::move(ids);
}

std::optional<std::string> text_of(const json::value* content) {
  if (content == nullptr) return std::nullopt;
  if (content->is_string()) return std::string(content->get_string());
  if (!content->is_array()) return std::nullopt;
  std::string all;
  for (const json::value& part : content->get_array()) {
    const json::object* o = part.if_object();
    const json::value* type = o == nullptr ? nullptr : o->if_contains("type");
    const json::value* text = o == nullptr ? nullptr : o->if_contains("text");
    if (type == nullptr || *type != "text" || text == nullptr || !text->is_string()) return std::nullopt;
    all += std::string_view(text->get_string());
  }
  return all;
}

void read_messages(Fields& f, ApiRequest& r) {
  const json::value* v = f.take("messages");
  if (v == nullptr) return f.fail("messages", "you must provide 'messages'.", "missing_required_parameter");
  if (!v->is_array()) return f.fail("messages", "'messages' must be an array.", "invalid_type");
  if (v->get_array().empty() || v->get_array().size() > kMessages) {
    return f.fail("messages", fmt::format("'messages' must have 1 to {} entries.", kMessages),
                  "invalid_value");
  }
  size_t i = 0;
  for (const json::value& m : v->get_array()) {
    const std::string at = fmt::format("messages[{}]", i++);
    if (!m.is_object()) return f.fail(at, fmt::format("'{}' must be an object.", at), "invalid_type");
    Fields fields(m.get_object());
    Message message{fields.string("role").value_or(""), ""};
    const auto text = text_of(fields.take("content"));
    fields.ignore("name");
    fields.only("refusal", nullptr, "messages hold text only");
    if (auto error = fields.finish(at + ".")) {
      const std::string param = error->param.starts_with(at) ? error->param : at + "." + error->param;
      return f.fail(param, error->message, error->code);
    }
    if (message.role == "developer") message.role = "system";
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      return f.fail(at + ".role", fmt::format("'{}.role' must be system, developer, user or assistant.", at),
                    "invalid_value");
    }
    if (!text) {
      return f.fail(at + ".content",
                    fmt::format("'{}.content' must be a string or an array of text parts.", at),
                    "invalid_type");
    }
    message.text = *text;
    r.messages.push_back(std::move(message));
  }
}

void read_completion(Fields& f, ApiRequest& r, int64_t vocab) {
  read_prompt(f, r, vocab);
  r.sampling.logprobs = static_cast<int>(f.integer("logprobs", 0, 5).value_or(-1));
  f.only("echo", false, "the prompt is not sent back");
  f.only("best_of", 1, "one answer is made");
  f.only("suffix", "", "this is not a fill-in-the-middle model");
}

void read_chat(Fields& f, ApiRequest& r) {
  read_messages(f, r);
  if (const auto newer = f.integer("max_completion_tokens", 1, INT32_MAX)) {
    if (r.max_tokens && r.max_tokens != newer) {
      f.fail("max_completion_tokens", "'max_tokens' and 'max_completion_tokens' contradict each other.",
             "invalid_value");
    }
    r.max_tokens = newer;
  }
  const bool logprobs = f.flag("logprobs");
  const auto top = f.integer("top_logprobs", 0, 20);
  if (top && !logprobs) {
    f.fail("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is true.", "invalid_value");
  }
  if (logprobs) r.sampling.logprobs = static_cast<int>(top.value_or(0));
  f.only("response_format", json::object{{"type", "text"}}, "answers are plain text");
  f.only("modalities", json::array{"text"}, "answers are plain text");
  f.only("tools", json::array{}, "this model calls no tools");
  f.only("tool_choice", "none", "this model calls no tools");
  f.only("functions", json::array{}, "this model calls no functions");
  f.only("function_call", "none", "this model calls no functions");
  f.only("store", false, "requests are not stored");
  // Hints to OpenAI's own service that change nothing about an answer.
  for (const char* name :
       {"metadata", "parallel_tool_calls", "service_tier", "safety_identifier", "prompt_cache_key"}) {
    f.ignore(name);
  }
}

}  // namespace

std::variant<ApiRequest, ApiError> parse_request(std::string_view body, bool chat, int64_t vocab) {
  auto parsed = parse_json(body, "request");
  if (!parsed.ok()) {
    return ApiError{.status = 400,
                    .message = "The body of the request is not valid JSON: " + parsed.error().what()};
  }
  if (!parsed->is_object()) {
    return ApiError{.status = 400, .message = "The body of the request must be a JSON object."};
  }
  ApiRequest r;
  r.chat = chat;
  Fields f(parsed->get_object());
  read_common(f, r, vocab);
  if (chat) {
    read_chat(f, r);
  } else {
    read_completion(f, r, vocab);
  }
  if (auto error = f.finish()) return std::move(*error);
  return r;
}

}  // namespace leam::serve
