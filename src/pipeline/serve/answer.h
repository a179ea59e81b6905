// One request on its way: reserved, generated, settled, answered, in this order. The client learns its usage
// only after the row that charges for it is on the disk, and the two are the same numbers.
#pragma once

#include <memory>
#include <string>

#include "base/core/json.h"
#include "base/http/server.h"
#include "engine/infer/generate.h"
#include "pipeline/serve/service.h"

namespace leam::serve {

class Answer : public std::enable_shared_from_this<Answer> {
 public:
  struct Plan {
    std::string id;  // "chatcmpl-…"
    int64_t created = 0;
    Key key;
    ApiRequest request;
    infer::GenerateRequest generate;
    std::vector<std::string> stops;
    bool trim = false;
  };
  Answer(Service& service, std::shared_ptr<http::Exchange> x, Plan plan);

  void start();  // reserves; everything else follows from there

 private:
  class Stream;
  friend class Stream;

  void reserved(Result<store::Entry> row);
  bool on_token(const infer::Sampled& token);
  void on_end(const infer::Ended& ended);
  void settled(Result<store::Entry> row);
  void give_up(const ApiError& error, std::string why);

  void emit(std::string text);
  void event(const json::object& o);
  json::object head() const;
  json::object choice(std::string text, bool last);
  json::value logprobs();
  json::object usage(const store::Entry& row) const;
  json::object account(const store::Entry& row) const;
  store::Entry entry(int64_t prompt_tokens, int64_t completion_tokens) const;
  std::string_view finish_reason() const;
  std::string token_text(int32_t id) const;

  Service& service_;
  std::shared_ptr<http::Exchange> x_;
  Plan plan_;
  infer::AnswerText text_;
  std::string pending_;  // certain text not sent yet (whole, when not streaming)
  std::vector<infer::Sampled> pending_logprobs_;
  int64_t text_offset_ = 0;  // code points of answer before the pending log-probabilities
  bool begun_ = false, trim_ = false;
  infer::Ended ended_;
};

}  // namespace leam::serve
