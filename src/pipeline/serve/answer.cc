#include "pipeline/serve/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace leam::serve {
namespace {

int64_t code_points(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

}  // namespace

// What the scheduler holds of an answer.
class Answer::Stream : public infer::Sink {
 public:
  explicit Stream(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}
  bool on_token(const infer::Sampled& token) override { return answer_->on_token(token); }
  void on_end(const infer::Ended& ended) override { answer_->on_end(ended); }

 private:
  std::shared_ptr<Answer> answer_;
};

Answer::Answer(Service& service, std::shared_ptr<http::Exchange> x, Plan plan)
    : service_(service),
      x_(std::move(x)),
      plan_(std::move(plan)),
      text_(service.tokenizer(), plan_.stops),
      trim_(plan_.trim) {}

store::Entry Answer::entry(int64_t prompt_tokens, int64_t completion_tokens) const {
  store::Entry e;
  e.request = plan_.id;
  e.key_id = plan_.key.id;
  e.key_name = plan_.key.name;
  e.model = service_.offer().name;
  e.model_hash = service_.offer().hash;
  e.price = service_.offer().price;
  e.prompt_tokens = prompt_tokens;
  e.completion_tokens = completion_tokens;
  return e;
}

void Answer::start() {
  service_.opened();
  service_.ledger().reserve(
      entry(static_cast<int64_t>(plan_.generate.prompt.size()), plan_.generate.max_tokens),
      [self = shared_from_this()](Result<store::Entry> row) { self->reserved(std::move(row)); });
}

void Answer::reserved(Result<store::Entry> row) {
  if (!row.ok()) {
    x_->respond(to_response(server_error(503, "The request could not be metered, so it was not served.")));
    service_.closed();
    return;
  }
  auto ticket =
      service_.scheduler().submit(std::move(plan_.generate), std::make_unique<Stream>(shared_from_this()));
  if (!ticket.ok()) {
    const bool full = ticket.error().code() == ErrorCode::kFull;
    service_.totals().refused.fetch_add(1, std::memory_order_relaxed);
    give_up(full ? ApiError{429, "Too many requests are waiting. Try again later.", "rate_limit_error", "",
                            "rate_limit_exceeded"}
                 : server_error(503, "The server is shutting down."),
            full ? "queue full" : "shutting down");
    return;
  }
  x_->on_gone([t = *ticket] { t->cancel(); });
}

// ---- on the scheduler's thread

bool Answer::on_token(const infer::Sampled& token) {
  if (plan_.request.sampling.logprobs >= 0) pending_logprobs_.push_back(token);
  emit(text_.push(token.id));
  return !text_.stopped();
}

void Answer::emit(std::string text) {
  if (trim_) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first == text.npos) return;
    text.erase(0, first);
    trim_ = false;
  }
  pending_ += text;
  if (!plan_.request.stream || pending_.empty()) return;
  if (!begun_) {
    begun_ = true;
    x_->begin({.type = "text/event-stream",
               .headers = {
                   {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}, {"X-Request-Id", plan_.id}}});
    if (plan_.request.chat) {
      json::object o = head();
      o["choices"] = json::array{{{"index", 0},
                                  {"delta", {{"role", "assistant"}, {"content", ""}}},
                                  {"logprobs", nullptr},
                                  {"finish_reason", nullptr}}};
      event(o);
    }
  }
  json::object o = head();
  o["choices"] = json::array{choice(std::exchange(pending_, {}), false)};
  event(o);
}

void Answer::on_end(const infer::Ended& ended) {
  ended_ = ended;
  if (ended.first_seconds > 0) {
    service_.totals().first_token_us.fetch_add(static_cast<uint64_t>(ended.first_seconds * 1e6));
    service_.totals().first_tokens.fetch_add(1);
  }
  if (ended.finish == infer::Finish::kFailed) {
    give_up(server_error(500, "The model failed on this request. Nothing was charged."), ended.error);
    return;
  }
  const bool cancelled = ended.finish == infer::Finish::kCancelled;
  if (cancelled && !x_->gone() && !begun_) {
    give_up(server_error(503, "The server is shutting down. Nothing was charged."), "shutting down");
    return;
  }
  if (!cancelled && !text_.stopped()) emit(text_.finish());
  store::Entry e = entry(ended.prompt_tokens, ended.completion_tokens);
  const Energy energy = EnergyMeter::estimate(ended.cpu_seconds, service_.offer().energy);
  e.microjoules = static_cast<int64_t>(std::llround(energy.kwh * 3.6e12));
  e.energy = energy.measured ? "measured" : "estimated";
  e.outcome = cancelled ? (x_->gone() ? "disconnected" : "shutdown") : std::string(finish_reason());
  service_.ledger().settle(
      std::move(e), [self = shared_from_this()](Result<store::Entry> row) { self->settled(std::move(row)); });
}

// ---- on the ledger's thread

void Answer::settled(Result<store::Entry> row) {
  Totals& t = service_.totals();
  if (!row.ok()) {
    // Not charged, so not delivered as a success: the reservation is aborted at the next start.
    t.aborted.fetch_add(1);
    const ApiError error = server_error(503, "The request could not be metered. Nothing was charged.");
    if (begun_) {
      x_->send("data: " + error_body(error) + "\n\n");
      x_->finish();
    } else {
      x_->respond(to_response(error));
    }
    service_.closed();
    return;
  }
  t.settled.fetch_add(1);
  t.prompt_tokens.fetch_add(static_cast<uint64_t>(row->prompt_tokens));
  t.completion_tokens.fetch_add(static_cast<uint64_t>(row->completion_tokens));
  t.micro_eur.fetch_add(static_cast<uint64_t>(row->micro_eur));
  t.microjoules.fetch_add(static_cast<uint64_t>(row->microjoules));
  if (row->outcome == "disconnected") {
    t.disconnected.fetch_add(1);
    begun_ ? x_->finish() : x_->respond({.status = 503});  // nobody hears it
  } else if (row->outcome == "shutdown") {
    x_->send("data: " + error_body(server_error(503, "The server is shutting down.")) + "\n\n");
    x_->finish();
  } else if (plan_.request.stream) {
    if (!begun_) {
      // No text at all: the stream still begins and ends as every other.
      pending_.clear();
      begun_ = true;
      x_->begin({.type = "text/event-stream",
                 .headers = {{"Cache-Control", "no-cache"}, {"X-Request-Id", plan_.id}}});
    }
    json::object last = head();
    last["choices"] = json::array{choice("", true)};
    event(last);
    if (plan_.request.include_usage) {
      json::object o = head();
      o["choices"] = json::array{};
      o["usage"] = usage(*row);
      o["leam"] = account(*row);
      event(o);
    }
    x_->send("data: [DONE]\n\n");
    x_->finish();
  } else {
    json::object o = head();
    o["choices"] = json::array{choice(std::exchange(pending_, {}), true)};
    o["usage"] = usage(*row);
    o["leam"] = account(*row);
    x_->respond({.body = json::serialize(o), .headers = {{"X-Request-Id", plan_.id}}});
  }
  service_.closed();
}

void Answer::give_up(const ApiError& error, std::string why) {
  service_.totals().aborted.fetch_add(1);
  store::Entry e = entry(0, 0);
  e.outcome = why.substr(0, 200);
  service_.ledger().abort(std::move(e), [self = shared_from_this(), error](const Result<store::Entry>&) {
    if (self->begun_) {
      self->x_->send("data: " + error_body(error) + "\n\n");
      self->x_->finish();
    } else {
      self->x_->respond(to_response(error));
    }
    self->service_.closed();
  });
}

// ---- forms

std::string_view Answer::finish_reason() const {
  return ended_.finish == infer::Finish::kLength ? "length" : "stop";
}

json::object Answer::head() const {
  const ApiRequest& r = plan_.request;
  json::object o{{"id", plan_.id},
                 {"object", !r.chat    ? "text_completion"
                            : r.stream ? "chat.completion.chunk"
                                       : "chat.completion"},
                 {"created", plan_.created},
                 {"model", service_.offer().name},
                 {"system_fingerprint", "leam-" + service_.offer().hash.substr(0, 12)}};
  if (r.stream && r.include_usage) o["usage"] = nullptr;
  return o;
}

json::object Answer::choice(std::string text, bool last) {
  const ApiRequest& r = plan_.request;
  json::object o{{"index", 0}};
  json::value reason = nullptr;
  if (last) reason = json::string(finish_reason());
  if (!r.chat) {
    o["text"] = text;
  } else if (!r.stream) {
    o["message"] = json::object{{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
  } else {
    json::object delta;
    if (!text.empty()) delta["content"] = text;
    o["delta"] = std::move(delta);
  }
  o["logprobs"] = logprobs();
  o["finish_reason"] = std::move(reason);
  return o;
}

std::string Answer::token_text(int32_t id) const {
  const text::TokenId token = static_cast<text::TokenId>(id);
  return service_.tokenizer().decode({&token, 1}, false);
}

json::value Answer::logprobs() {
  if (pending_logprobs_.empty()) return nullptr;
  const auto tokens = std::exchange(pending_logprobs_, {});
  const auto bytes = [&](int32_t id) {
    json::array out;
    for (const char c : service_.tokenizer().token_bytes(static_cast<text::TokenId>(id))) {
      out.push_back(static_cast<unsigned char>(c));
    }
    return out;
  };
  if (plan_.request.chat) {
    json::array content;
    for (const infer::Sampled& t : tokens) {
      json::array top;
      for (const infer::TokenLogprob& p : t.top) {
        top.push_back({{"token", token_text(p.id)}, {"logprob", p.logprob}, {"bytes", bytes(p.id)}});
      }
      content.push_back({{"token", token_text(t.id)},
                         {"logprob", t.logprob},
                         {"bytes", bytes(t.id)},
                         {"top_logprobs", std::move(top)}});
    }
    return json::object{{"content", std::move(content)}, {"refusal", nullptr}};
  }
  json::array names, values, tops, offsets;
  for (const infer::Sampled& t : tokens) {
    const std::string name = token_text(t.id);
    json::object top;
    for (const infer::TokenLogprob& p : t.top) top[token_text(p.id)] = p.logprob;
    names.emplace_back(name);
    values.emplace_back(t.logprob);
    tops.push_back(std::move(top));
    offsets.emplace_back(text_offset_);
    text_offset_ += code_points(name);
  }
  return json::object{{"tokens", std::move(names)},
                      {"token_logprobs", std::move(values)},
                      {"top_logprobs", std::move(tops)},
                      {"text_offset", std::move(offsets)}};
}

json::object Answer::usage(const store::Entry& row) const {
  return {{"prompt_tokens", row.prompt_tokens},
          {"completion_tokens", row.completion_tokens},
          {"total_tokens", row.prompt_tokens + row.completion_tokens}};
}

// Beside OpenAI's fields: what this request cost, in money and energy, as it stands in the ledger.
json::object Answer::account(const store::Entry& row) const {
  const double kwh = static_cast<double>(row.microjoules) / 3.6e12;
  return {{"cost_micro_eur", row.micro_eur},
          {"energy_joules", static_cast<double>(row.microjoules) / 1e6},
          {"grams_co2e", kwh * service_.offer().energy.grams_co2e_per_kwh},
          {"energy_method", row.energy},
          {"first_token_seconds", ended_.first_seconds},
          {"seconds", ended_.total_seconds}};
}

void Answer::event(const json::object& o) {
  x_->send("data: " + json::serialize(o) + "\n\n");
}

}  // namespace leam::serve
