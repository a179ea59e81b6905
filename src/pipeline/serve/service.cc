#include "pipeline/serve/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/core/hash.h"
#include "base/core/json.h"
#include "base/core/version.h"
#include "base/store/sha256.h"
#include "pipeline/serve/answer.h"
#include "pipeline/serve/chat.h"
#include "pipeline/serve/playground_page.h"  // made by room.cmake

namespace leam::serve {
namespace {

constexpr int64_t kDefaultMaxTokens = 16;  // of completions, as at OpenAI; a chat may use what is left

http::Response not_allowed(std::string_view allowed) {
  auto r = to_response({.status = 405, .message = fmt::format("Use {} here.", allowed)});
  r.headers.emplace_back("Allow", std::string(allowed));
  return r;
}

}  // namespace

Service::Service(Env& env, Offer offer, const text::Tokenizer& tokenizer, infer::Scheduler& scheduler,
                 store::Ledger& ledger, const Keys& keys)
    : env_(env),
      offer_(std::move(offer)),
      tokenizer_(tokenizer),
      scheduler_(scheduler),
      ledger_(ledger),
      keys_(keys),
      started_ns_(env.monotonic_ns()) {}

void Service::opened() {
  const std::lock_guard lock(mutex_);
  ++open_;
}

void Service::closed() {
  const std::lock_guard lock(mutex_);
  if (--open_ == 0) idle_.notify_all();
}

void Service::wait_idle() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return open_ == 0; });
}

void Service::handle(const std::shared_ptr<http::Exchange>& x) {
  const http::Request& r = x->request();
  const bool get = r.method == "GET" || r.method == "HEAD";
  if (r.path == "/health") return x->respond(get ? health() : not_allowed("GET"));
  if (r.path == "/metrics") return x->respond(get ? metrics() : not_allowed("GET"));
  if (r.path == "/") {
    if (!get) return x->respond(not_allowed("GET"));
    return x->respond(
        {.type = "text/html; charset=utf-8",
         .body = std::string(kPlaygroundPage),
         .headers = {{"Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                      "connect-src 'self'; base-uri 'none'; form-action 'none'"},
                     {"X-Content-Type-Options", "nosniff"}}});
  }
  const bool chat = r.path == "/v1/chat/completions";
  const bool models_path = r.path == "/v1/models" || r.path.starts_with("/v1/models/");
  if (!chat && !models_path && r.path != "/v1/completions") {
    return x->respond(to_response({.status = 404,
                                   .message = "There is nothing at this address; the API is below /v1.",
                                   .code = "unknown_url"}));
  }
  const auto key = authorize(x);
  if (!key) return;
  if (models_path) return x->respond(get ? models(r.path) : not_allowed("GET"));
  if (r.method != "POST") return x->respond(not_allowed("POST"));
  complete(x, *key, chat);
}

std::optional<Key> Service::authorize(const std::shared_ptr<http::Exchange>& x) {
  std::string_view header = http::find_header(x->request().headers, "Authorization");
  const auto refuse = [&](std::string message, std::string code) {
    totals_.unauthorized.fetch_add(1, std::memory_order_relaxed);
    x->respond(to_response({.status = 401, .message = std::move(message), .code = std::move(code)}));
  };
  constexpr std::string_view kScheme = "bearer ";
  const bool bearer = header.size() > kScheme.size() &&
                      std::ranges::equal(header.substr(0, kScheme.size()), kScheme, [](char a, char b) {
                        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
                      });
  if (!bearer) {
    refuse("You must send an API key: Authorization: Bearer sk-leam-…", "missing_api_key");
    return {};
  }
  header.remove_prefix(kScheme.size());
  auto found = keys_.find(header);
  if (!found.ok()) {
    x->respond(to_response(server_error(503, "Keys cannot be checked at the moment.")));
    return {};
  }
  if (!*found) refuse("This API key is not valid.", "invalid_api_key");
  return std::move(*found);
}

http::Response Service::models(std::string_view path) const {
  const json::object model{
      {"id", offer_.name},
      {"object", "model"},
      {"created", offer_.created},
      {"owned_by", "leam"},
      {"max_context", scheduler_.options().max_context},
      {"content_hash", offer_.hash},
      {"price_per_1k_micro_eur",
       {{"prompt", offer_.price.prompt_per_1k}, {"completion", offer_.price.completion_per_1k}}}};
  constexpr std::string_view kOne = "/v1/models/";
  if (!path.starts_with(kOne)) {
    return {.body = json::serialize(json::object{{"object", "list"}, {"data", {json::value(model)}}})};
  }
  if (path.substr(kOne.size()) == offer_.name) return {.body = json::serialize(model)};
  return to_response({.status = 404,
                      .message = "This server does not have that model.",
                      .param = "model",
                      .code = "model_not_found"});
}

http::Response Service::health() const {
  const infer::SchedulerStats s = scheduler_.stats();
  return {.body = json::serialize(json::object{{"status", "ok"},
                                               {"version", json::string(version())},
                                               {"model", offer_.name},
                                               {"running", s.running},
                                               {"waiting", s.waiting}})};
}

http::Response Service::metrics() const {
  const infer::SchedulerStats s = scheduler_.stats();
  std::string out;
  const auto add = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out += fmt::format("# HELP leam_{0} {1}\n# TYPE leam_{0} {2}\nleam_{0} {3}\n", name, help, type, value);
  };
  const auto us = [](const std::atomic<uint64_t>& n) { return static_cast<double>(n.load()) / 1e6; };
  add("requests_settled_total", "counter", "Requests answered and charged.", totals_.settled.load());
  add("requests_aborted_total", "counter", "Requests reserved and not charged.", totals_.aborted.load());
  add("requests_refused_total", "counter", "Requests refused because the queue was full.",
      totals_.refused.load());
  add("requests_unauthorized_total", "counter", "Requests without a valid key.", totals_.unauthorized.load());
  add("requests_disconnected_total", "counter", "Clients that left before their answer was complete.",
      totals_.disconnected.load());
  add("prompt_tokens_total", "counter", "Settled prompt tokens.", totals_.prompt_tokens.load());
  add("completion_tokens_total", "counter", "Settled completion tokens.", totals_.completion_tokens.load());
  add("revenue_micro_eur_total", "counter", "Settled micro-euros.", totals_.micro_eur.load());
  add("energy_joules_total", "counter", "Estimated energy of settled requests.", us(totals_.microjoules));
  add("time_to_first_token_seconds_sum", "counter", "Seconds from submission to the first token.",
      us(totals_.first_token_us));
  add("time_to_first_token_seconds_count", "counter", "Requests that had a first token.",
      totals_.first_tokens.load());
  add("requests_running", "gauge", "Requests being generated.", s.running);
  add("requests_waiting", "gauge", "Requests in the queue.", s.waiting);
  add("engine_steps_total", "counter", "Forward passes.", s.steps);
  add("engine_busy_seconds_total", "counter", "Seconds spent in forward passes.", s.busy_seconds);
  add("ledger_rows_total", "counter", "Rows appended to the ledger.", ledger_.rows());
  add("ledger_commits_total", "counter", "Commits of the ledger.", ledger_.commits());
  add("uptime_seconds", "gauge", "Seconds since the start.",
      static_cast<double>(env_.monotonic_ns() - started_ns_) / 1e9);
  if (const http::Server* server = server_.load()) {
    const http::ServerStats h = server->stats();
    add("http_connections_open", "gauge", "Open connections.", h.connections_open);
    add("http_requests_total", "counter", "HTTP requests.", h.requests_total);
    add("http_responses_4xx_total", "counter", "HTTP answers of status 4xx.", h.responses_4xx);
    add("http_responses_5xx_total", "counter", "HTTP answers of status 5xx.", h.responses_5xx);
  }
  return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(out)};
}

void Service::complete(const std::shared_ptr<http::Exchange>& x, const Key& key, bool chat) {
  auto parsed = parse_request(x->request().body, chat, offer_.vocab);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return x->respond(to_response(*error));
  ApiRequest& request = std::get<ApiRequest>(parsed);
  if (request.model != offer_.name) {
    return x->respond(to_response({.status = 404,
                                   .message = fmt::format("The model '{}' does not exist here; '{}' does.",
                                                          request.model.substr(0, 100), offer_.name),
                                   .param = "model",
                                   .code = "model_not_found"}));
  }

  Answer::Plan plan;
  plan.id = (chat ? "chatcmpl-" : "cmpl-") + store::random_hex(12);
  plan.created = env_.now_us() / 1'000'000;
  plan.key = key;
  infer::GenerateRequest& generate = plan.generate;
  plan.stops = request.stop;
  if (chat) {
    ChatPrompt prompt = chat_prompt(tokenizer_, request.messages);
    generate.prompt = std::move(prompt.ids);
    generate.stop_ids = std::move(prompt.stop_ids);
    plan.stops.insert(plan.stops.end(), prompt.stops.begin(), prompt.stops.end());
    plan.trim = prompt.trim;
  } else if (auto* ids = std::get_if<std::vector<int32_t>>(&request.prompt)) {
    generate.prompt = std::move(*ids);
  } else {
    generate.prompt = infer::prompt_ids(tokenizer_, std::get<std::string>(request.prompt));
  }
  generate.stop_ids.insert(generate.stop_ids.end(), offer_.eos_ids.begin(), offer_.eos_ids.end());

  const std::string field = chat ? "messages" : "prompt";
  const int64_t context = scheduler_.options().max_context;
  const auto length = static_cast<int64_t>(generate.prompt.size());
  if (length == 0) {
    return x->respond(
        to_response(bad_field(field, fmt::format("'{}' has no tokens.", field), "invalid_value")));
  }
  if (length >= context || (request.max_tokens && *request.max_tokens > context - length)) {
    return x->respond(to_response(bad_field(
        field,
        fmt::format(
            "This model's maximum context length is {} tokens. Your request has {} in '{}' and asks for "
            "{} in the answer.",
            context, length, field, request.max_tokens.value_or(1)),
        "context_length_exceeded")));
  }
  const int64_t left = context - length;
  generate.max_tokens = request.max_tokens.value_or(chat ? left : std::min(left, kDefaultMaxTokens));
  if (!request.seeded) request.sampling.seed = hash64(store::random_hex(8));
  generate.sampling = request.sampling;
  generate.tenant = key.id;
  plan.request = std::move(request);

  // Seen before a row is written for it; the scheduler has the last word.
  const infer::SchedulerStats load = scheduler_.stats();
  const infer::SchedulerOptions& o = scheduler_.options();
  if (load.waiting >= o.max_waiting + o.max_running - load.running) {
    totals_.refused.fetch_add(1, std::memory_order_relaxed);
    return x->respond(to_response({429, "Too many requests are waiting. Try again later.", "rate_limit_error",
                                   "", "rate_limit_exceeded"}));
  }
  std::make_shared<Answer>(*this, x, std::move(plan))->start();
}

}  // namespace leam::serve
