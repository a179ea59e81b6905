#include "pipeline/serve/request.h"

#include <gtest/gtest.h>

namespace leam::serve {
namespace {

// "param: message" of the refusal, or "ok".
std::string verdict(std::string_view body, bool chat = false) {
  const auto r = parse_request(body, chat, 1000);
  if (const auto* e = std::get_if<ApiError>(&r)) {
    EXPECT_EQ(e->status, 400);
    return e->param + ": " + e->message;
  }
  return "ok";
}

std::string with(std::string_view field) {
  return R"({"model": "m", "prompt": "x", )" + std::string(field) + "}";
}
std::string chat(std::string_view field) {
  return R"({"model": "m", "messages": [{"role": "user", "content": "x"}], )" + std::string(field) + "}";
}

TEST(Request, ReadsWhatItKnows) {
  const auto parsed = parse_request(
      R"({"model": "m", "prompt": [1, 2, 999], "max_tokens": 5, "temperature": 0, "top_p": 0.5, "seed": -3,
          "stop": ["a", "b"], "stream": true, "stream_options": {"include_usage": true}, "n": 1, "echo": false,
          "presence_penalty": 1, "frequency_penalty": -0.5, "logit_bias": {"7": -100}, "logprobs": 2,
          "best_of": 1, "suffix": null, "user": "me"})",
      false, 1000);
  ASSERT_TRUE(std::holds_alternative<ApiRequest>(parsed)) << std::get<ApiError>(parsed).message;
  const ApiRequest& r = std::get<ApiRequest>(parsed);
  EXPECT_EQ(std::get<1>(r.prompt), (std::vector<int32_t>{1, 2, 999}));
  EXPECT_EQ(r.max_tokens, 5);
  EXPECT_EQ(r.sampling.temperature, 0);
  EXPECT_EQ(r.sampling.seed, static_cast<uint64_t>(-3));
  EXPECT_TRUE(r.seeded && r.stream && r.include_usage);
  EXPECT_EQ(r.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(r.sampling.bias.size(), 1u);
  EXPECT_EQ(r.sampling.logprobs, 2);

  const auto talk = parse_request(
      R"({"model": "m", "messages": [{"role": "developer", "content": "d"}, {"role": "user", "content":
          [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "n"}], "logprobs": true,
          "top_logprobs": 3, "max_completion_tokens": 4, "tools": null, "response_format": {"type": "text"},
          "metadata": {"a": "b"}, "store": false})",
      true, 1000);
  ASSERT_TRUE(std::holds_alternative<ApiRequest>(talk)) << std::get<ApiError>(talk).message;
  const ApiRequest& t = std::get<ApiRequest>(talk);
  EXPECT_EQ(t.messages[0].role, "system");
  EXPECT_EQ(t.messages[1].text, "ab");
  EXPECT_EQ(t.max_tokens, 4);
  EXPECT_EQ(t.sampling.logprobs, 3);
}

TEST(Request, NamesTheFieldItRefuses) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"prompt": "x"})", "model: "},
      {R"({"model": 5, "prompt": "x"})", "model: "},
      {R"({"model": "m"})", "prompt: "},
      {R"({"model": "m", "prompt": 5})", "prompt: "},
      {R"({"model": "m", "prompt": []})", "prompt: "},
      {R"({"model": "m", "prompt": ["a", "b"]})", "prompt: "},
      {R"({"model": "m", "prompt": [[1], [2]]})", "prompt: "},
      {R"({"model": "m", "prompt": [1, 1000]})", "prompt: "},
      {R"({"model": "m", "prompt": [1, -1]})", "prompt: "},
      {R"({"model": "m", "prompt": [1, 2.5]})", "prompt: "},
      {with(R"("max_tokens": 0)"), "max_tokens: "},
      {with(R"("max_tokens": -5)"), "max_tokens: "},
      {with(R"("max_tokens": 1.5)"), "max_tokens: "},
      {with(R"("max_tokens": "9")"), "max_tokens: "},
      {with(R"("max_tokens": 99999999999999999999)"), "max_tokens: "},
      {with(R"("max_tokens": 18446744073709551615)"), "max_tokens: "},
      {with(R"("temperature": 2.1)"), "temperature: "},
      {with(R"("temperature": "hot")"), "temperature: "},
      {with(R"("temperature": true)"), "temperature: "},
      {with(R"("top_p": -0.1)"), "top_p: "},
      {with(R"("seed": 18446744073709551615)"), "seed: "},
      {with(R"("seed": 1.5)"), "seed: "},
      {with(R"("n": 2)"), "n: "},
      {with(R"("n": 1000000)"), "n: "},
      {with(R"("best_of": 3)"), "best_of: "},
      {with(R"("echo": true)"), "echo: "},
      {with(R"("suffix": "x")"), "suffix: "},
      {with(R"("stop": 5)"), "stop: "},
      {with(R"("stop": [""])"), "stop: "},
      {with(R"("stop": ["1", "2", "3", "4", "5"])"), "stop: "},
      {with(R"("stream": 1)"), "stream: "},
      {with(R"("stream_options": {"include_usage": true})"), "stream_options: "},
      {with(R"("stream": true, "stream_options": {"include_use": true})"), "stream_options.include_use: "},
      {with(R"("stream": true, "stream_options": {"include_usage": 3})"), "stream_options.include_usage: "},
      {with(R"("logit_bias": {"1000": 1})"), "logit_bias: "},
      {with(R"("logit_bias": {"x": 1})"), "logit_bias: "},
      {with(R"("logit_bias": {"1": 101})"), "logit_bias: "},
      {with(R"("logprobs": 6)"), "logprobs: "},
      {with(R"("logprobs": true)"), "logprobs: "},
      {with(R"("temprature": 1)"), "temprature: Unknown field 'temprature'. Did you mean 'temperature'?"},
      {with(R"("messages": [])"), "messages: "},
  };
  for (const auto& [body, want] : cases)
    EXPECT_TRUE(verdict(body).starts_with(want)) << body << "\n" << verdict(body);
  const std::pair<std::string, std::string> chats[] = {
      {R"({"model": "m"})", "messages: "},
      {R"({"model": "m", "messages": []})", "messages: "},
      {R"({"model": "m", "messages": [5]})", "messages[0]: "},
      {R"({"model": "m", "messages": [{"role": "user"}]})", "messages[0].content: "},
      {R"({"model": "m", "messages": [{"role": "pope", "content": "x"}]})", "messages[0].role: "},
      {R"({"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]})",
       "messages[0].content: "},
      {R"({"model": "m", "messages": [{"role": "user", "content": "x", "tool_calls": []}]})",
       "messages[0].tool_calls: "},
      {chat(R"("tools": [{"type": "function"}])"), "tools: "},
      {chat(R"("response_format": {"type": "json_object"})"), "response_format: "},
      {chat(R"("logprobs": 3)"), "logprobs: "},
      {chat(R"("top_logprobs": 3)"), "top_logprobs: "},
      {chat(R"("max_tokens": 3, "max_completion_tokens": 4)"), "max_completion_tokens: "},
      {chat(R"("prompt": "x")"), "prompt: "},
  };
  for (const auto& [body, want] : chats) {
    EXPECT_TRUE(verdict(body, true).starts_with(want)) << body << "\n" << verdict(body, true);
  }
}

TEST(Request, RefusesWhatIsNoObject) {
  for (const char* body :
       {"", "x", "5", "[]", "null", "{\"model\": ", "{\"a\":1} {}", "\xff\xfe", "{\"a\":\"\xff\"}"}) {
    EXPECT_NE(verdict(body).find("JSON"), std::string::npos) << body;
  }
  EXPECT_NE(verdict(std::string(100'000, '[')).find("JSON"), std::string::npos);
}

}  // namespace
}  // namespace leam::serve
