#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <map>

#include "base/store/ledger.h"
#include "pipeline/serve/fixture_test.h"

namespace leam::serve {
namespace {

using store::Entry;
using store::EntryKind;

class Serve : public ServeFixture {
 protected:
  json::object completion(std::string prompt, int max_tokens, uint64_t seed = 1) const {
    return {{"model", "tiny"}, {"prompt", std::move(prompt)}, {"max_tokens", max_tokens}, {"seed", seed}};
  }
  std::vector<Entry> rows() const {
    std::vector<Entry> out;
    auto db = *store::Database::open(config_.ledger);
    const auto read = store::for_each_entry(*db, [&](const Entry& e) -> Result<void> {
      out.push_back(e);
      return {};
    });
    EXPECT_TRUE(read.ok());
    return out;
  }
  // The closing rows by request.
  std::map<std::string, Entry> closed() const {
    std::map<std::string, Entry> out;
    for (const Entry& e : rows()) {
      if (e.kind != EntryKind::kReserve) out[e.request] = e;
    }
    return out;
  }
  std::string error_of(const http::ClientResponse& r, const char* field) const {
    const json::value v = parsed(r.body);
    const json::value& e = v.at("error").at(field);
    return e.is_null() ? "" : std::string(e.as_string());
  }
};

// The events of an SSE body.
std::vector<std::string> events(const std::string& body) {
  std::vector<std::string> out;
  size_t at = 0;
  while (at < body.size()) {
    const size_t end = body.find("\n\n", at);
    EXPECT_NE(end, body.npos);
    EXPECT_EQ(body.compare(at, 6, "data: "), 0);
    out.push_back(body.substr(at + 6, end - at - 6));
    at = end + 2;
  }
  return out;
}

TEST_F(Serve, AnswersAndCharges) {
  Live live(*env_, config_);
  const auto r = post(live.port, "/v1/completions", completion("Hello", 20));
  ASSERT_EQ(r.status, 200) << r.body;
  const json::value v = parsed(r.body);
  EXPECT_EQ(v.at("object").as_string(), "text_completion");
  EXPECT_EQ(v.at("usage").at("prompt_tokens").as_int64(), 5);
  EXPECT_EQ(v.at("usage").at("completion_tokens").as_int64(), 20);
  EXPECT_EQ(v.at("usage").at("total_tokens").as_int64(), 25);
  EXPECT_EQ(v.at("choices").at(0).at("finish_reason").as_string(), "length");
  const Entry e = closed()[std::string(v.at("id").as_string())];
  EXPECT_EQ(e.kind, EntryKind::kSettle);
  EXPECT_EQ(e.prompt_tokens, 5);
  EXPECT_EQ(e.completion_tokens, 20);
  EXPECT_EQ(e.micro_eur, 250);
  EXPECT_EQ(v.at("leam").at("cost_micro_eur").as_int64(), 250);
  EXPECT_EQ(e.key_name, "tests");
  EXPECT_EQ(e.outcome, "length");
  EXPECT_GT(e.microjoules, 0);
  // Ids in place of text are the same request.
  json::object ids = completion("", 20);
  ids["prompt"] = json::array{'H', 'e', 'l', 'l', 'o'};
  EXPECT_EQ(parsed(post(live.port, "/v1/completions", ids).body).at("choices").at(0).at("text"),
            v.at("choices").at(0).at("text"));
  EXPECT_TRUE(live.end().ok());
}

TEST_F(Serve, StreamsTheSameText) {
  Live live(*env_, config_);
  for (const bool chat : {false, true}) {
    json::object body = completion("Hello", 60);
    body["temperature"] = 0.7;
    if (chat) {
      body.erase("prompt");
      body["messages"] = json::array{{{"role", "user"}, {"content", "Hello"}}};
    }
    const std::string path = chat ? "/v1/chat/completions" : "/v1/completions";
    const json::value whole = parsed(post(live.port, path, body).body);
    const std::string text(chat ? whole.at("choices").at(0).at("message").at("content").as_string()
                                : whole.at("choices").at(0).at("text").as_string());
    body["stream"] = true;
    for (const bool usage : {false, true}) {
      if (usage) body["stream_options"] = json::object{{"include_usage", true}};
      const auto r = post(live.port, path, body);
      EXPECT_EQ(http::find_header(r.headers, "Content-Type"), "text/event-stream");
      auto all = events(r.body);
      ASSERT_GE(all.size(), 3u);
      EXPECT_EQ(all.back(), "[DONE]");
      all.pop_back();
      std::string streamed, reason;
      int64_t told = -1;
      for (const std::string& e : all) {
        const json::value v = parsed(e);
        EXPECT_EQ(v.as_object().contains("usage"), usage);
        if (v.at("choices").as_array().empty()) {
          told = v.at("usage").at("completion_tokens").as_int64();
          continue;
        }
        const json::value& c = v.at("choices").at(0);
        if (!chat) streamed += std::string_view(c.at("text").as_string());
        if (chat && c.at("delta").as_object().contains("content")) {
          streamed += std::string_view(c.at("delta").at("content").as_string());
        }
        if (c.at("finish_reason").is_string()) reason = std::string(c.at("finish_reason").as_string());
      }
      EXPECT_EQ(streamed, text);
      EXPECT_EQ(reason, std::string(whole.at("choices").at(0).at("finish_reason").as_string()));
      EXPECT_EQ(told, usage ? whole.at("usage").at("completion_tokens").as_int64() : -1);
    }
  }
}

TEST_F(Serve, StopsAtStopStringsAndDoesNotShowThem) {
  Live live(*env_, config_);
  json::object body = completion("Once", 80, 5);
  const std::string text(
      parsed(post(live.port, "/v1/completions", body).body).at("choices").at(0).at("text").as_string());
  // Two characters from the middle, so that a stop string spans tokens.
  size_t at = text.size() / 2;
  while ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  size_t end = at + 1;
  for (int more = 0; more < 2; ++more) {
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
    if (more == 0) ++end;
  }
  const std::string stop = text.substr(at, end - at);
  body["stop"] = stop;
  const json::value v = parsed(post(live.port, "/v1/completions", body).body);
  EXPECT_EQ(std::string(v.at("choices").at(0).at("text").as_string()), text.substr(0, text.find(stop)));
  EXPECT_EQ(v.at("choices").at(0).at("finish_reason").as_string(), "stop");
  EXPECT_LT(v.at("usage").at("completion_tokens").as_int64(), 80);
}

TEST_F(Serve, GivesLogprobs) {
  Live live(*env_, config_);
  json::object body = completion("Hello", 5);
  body["logprobs"] = 2;
  const json::value v = parsed(post(live.port, "/v1/completions", body).body);
  const json::value& l = v.at("choices").at(0).at("logprobs");
  EXPECT_EQ(l.at("tokens").as_array().size(), 5u);
  EXPECT_EQ(l.at("token_logprobs").as_array().size(), 5u);
  EXPECT_LT(l.at("token_logprobs").at(0).to_number<double>(), 0);
  json::object talk{{"model", "tiny"},
                    {"messages", {{{"role", "user"}, {"content", "x"}}}},
                    {"logprobs", true},
                    {"top_logprobs", 3},
                    {"max_tokens", 4}};
  const json::value c = parsed(post(live.port, "/v1/chat/completions", talk).body);
  const json::value& content = c.at("choices").at(0).at("logprobs").at("content");
  EXPECT_EQ(content.as_array().size(), static_cast<size_t>(c.at("usage").at("completion_tokens").as_int64()));
  EXPECT_EQ(content.at(0).at("top_logprobs").as_array().size(), 3u);
}

TEST_F(Serve, RefusesInOpenAisForm) {
  Live live(*env_, config_);
  http::Client client("127.0.0.1", live.port);
  const auto check = [&](const http::ClientResponse& r, int status, std::string_view code,
                         std::string_view param) {
    EXPECT_EQ(r.status, status) << r.body;
    EXPECT_EQ(error_of(r, "code"), code) << r.body;
    EXPECT_EQ(error_of(r, "param"), param) << r.body;
    EXPECT_FALSE(error_of(r, "message").empty());
    EXPECT_FALSE(error_of(r, "type").empty());
  };
  const std::string body = json::serialize(completion("Hello", 5));
  check(*client.send("POST", "/v1/completions", body), 401, "missing_api_key", "");
  for (const std::string& wrong : std::vector<std::string>{
           "sk-leam-000000000000-0", key_.substr(0, key_.size() - 1), key_ + "0", "x", ""}) {
    check(*client.send("POST", "/v1/completions", body, {{"Authorization", "Bearer " + wrong}}), 401,
          wrong.empty() ? "missing_api_key" : "invalid_api_key", "");
  }
  check(*client.send("GET", "/v1/models"), 401, "missing_api_key", "");
  check(*client.send("GET", "/v1/nothing", "", auth()), 404, "unknown_url", "");
  check(*client.send("GET", "/v1/models/none", "", auth()), 404, "model_not_found", "model");
  EXPECT_EQ(client.send("GET", "/v1/completions", "", auth())->status, 405);
  json::object other = completion("Hello", 5);
  other["model"] = "gpt";
  check(post(live.port, "/v1/completions", other), 404, "model_not_found", "model");
  check(post(live.port, "/v1/completions", completion(std::string(600, 'x'), 5)), 400,
        "context_length_exceeded", "prompt");
  check(post(live.port, "/v1/completions", completion("Hello", 508)), 400, "context_length_exceeded",
        "prompt");
  check(post(live.port, "/v1/completions", completion("", 5)), 400, "invalid_value", "prompt");
  json::object odd = completion("Hello", 5);
  odd["temperature"] = 9;
  check(post(live.port, "/v1/completions", odd), 400, "invalid_value", "temperature");
  check(*client.send("POST", "/v1/completions", "{\"model\": ", auth()), 400, "", "");
  check(*client.send("POST", "/v1/completions", std::string(2 << 20, 'x'), auth()), 413, "", "");
  // Nothing of this was reserved, let alone charged.
  EXPECT_TRUE(rows().empty());

  auto keys = *Keys::open(*env_, config_.ledger);
  EXPECT_EQ(client.send("GET", "/v1/models", "", auth())->status, 200);
  ASSERT_TRUE(keys.revoke("tests").ok());
  EXPECT_EQ(client.send("GET", "/v1/models", "", auth())->status, 401);
}

TEST_F(Serve, ShowsHealthMetricsModelsAndThePage) {
  Live live(*env_, config_);
  http::Client client("127.0.0.1", live.port);
  EXPECT_EQ(parsed(client.send("GET", "/health")->body).at("status").as_string(), "ok");
  post(live.port, "/v1/completions", completion("Hello", 5));
  const std::string metrics = client.send("GET", "/metrics")->body;
  EXPECT_NE(metrics.find("\nleam_completion_tokens_total 5\n"), metrics.npos) << metrics;
  EXPECT_NE(metrics.find("\nleam_revenue_micro_eur_total 100\n"), metrics.npos) << metrics;
  const json::value models = parsed(client.send("GET", "/v1/models", "", auth())->body);
  EXPECT_EQ(models.at("data").at(0).at("id").as_string(), "tiny");
  EXPECT_EQ(parsed(client.send("GET", "/v1/models/tiny", "", auth())->body).at("id").as_string(), "tiny");
  const auto page = client.send("GET", "/");
  EXPECT_TRUE(page->body.starts_with("<!doctype html>"));
  EXPECT_EQ(page->body.find("://"), page->body.npos);  // nothing from elsewhere
}

TEST_F(Serve, AnswersTheSameAloneAndAmongOthers) {
  Live live(*env_, config_);
  const auto ask = [&](uint64_t seed) {
    return std::string(
        parsed(post(live.port, "/v1/completions", completion(fmt::format("prompt {}", seed), 60, seed)).body)
            .at("choices")
            .at(0)
            .at("text")
            .as_string());
  };
  const std::string alone = ask(1);
  std::vector<std::string> texts(9);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 9; ++i) threads.emplace_back([&, i] { texts[i] = ask(i); });
  for (auto& t : threads) t.join();
  EXPECT_EQ(texts[1], alone);
  EXPECT_NE(texts[2], alone);
}

TEST_F(Serve, ChargesWhoLeavesForWhatWasGenerated) {
  Live live(*env_, config_);
  http::Client client("127.0.0.1", live.port);
  json::object body = completion("Hello", 500);
  body["logit_bias"] = json::object{{"256", -100}};  // never ends by itself
  body["stream"] = true;
  std::string seen;
  const auto r =
      client.stream("POST", "/v1/completions", json::serialize(body), auth(), [&](std::string_view piece) {
        seen += piece;
        return seen.size() < 2000;
      });
  ASSERT_TRUE(r.ok());
  const std::string id(http::find_header(r->headers, "X-Request-Id"));
  for (int i = 0; i < 200 && !closed().contains(id); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const Entry e = closed()[id];
  EXPECT_EQ(e.outcome, "disconnected");
  EXPECT_GT(e.completion_tokens, 0);
  EXPECT_LT(e.completion_tokens, 500);
  EXPECT_EQ(e.micro_eur, 10 * (5 + e.completion_tokens));
}

TEST_F(Serve, RefusesWhenFull) {
  config_.max_concurrent = 1;
  config_.queue = 0;
  Live live(*env_, config_);
  std::atomic<int> good{0}, busy{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const auto r = post(live.port, "/v1/completions", completion("Hello", 200, i));
      if (r.status == 200) ++good;
      if (r.status == 429) ++busy;
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_GE(good, 1);
  EXPECT_EQ(good + busy, 12);
  int64_t settled = 0;
  for (const auto& [id, e] : closed()) settled += e.kind == EntryKind::kSettle;
  EXPECT_EQ(settled, good);
}

TEST_F(Serve, DrainsOnStop) {
  auto live = std::make_unique<Live>(*env_, config_);
  std::atomic<int> whole{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 6; ++i) {
    threads.emplace_back([&, i, port = live->port] {
      http::Client client("127.0.0.1", port);
      json::object body = completion("Hello", 400, i);
      body["stream"] = true;
      const auto r = client.send("POST", "/v1/completions", json::serialize(body), auth());
      if (r.ok() && r->status == 200 && r->body.ends_with("data: [DONE]\n\n")) ++whole;
    });
  }
  for (int i = 0; i < 300 && rows().size() < 6; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(live->end().ok());
  for (auto& t : threads) t.join();
  EXPECT_EQ(whole, 6);
  const auto all = rows();
  EXPECT_EQ(all.size(), 12u);
  for (const auto& [id, e] : closed()) EXPECT_EQ(e.kind, EntryKind::kSettle);
}

TEST_F(Serve, CutsOffWhatIsTooSlowToDrain) {
  config_.drain_seconds = 0;
  auto live = std::make_unique<Live>(*env_, config_);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i, port = live->port] {
      http::Client client("127.0.0.1", port);
      json::object body = completion("Hello", 500, i);
      body["stream"] = i % 2 == 0;
      (void)client.send("POST", "/v1/completions", json::serialize(body), auth());
    });
  }
  for (int i = 0; i < 300 && rows().size() < 4; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(live->end().ok());
  for (auto& t : threads) t.join();
  // Whatever became of them: each reservation is closed.
  const auto all = rows();
  EXPECT_EQ(all.size(), 2 * closed().size());
}

TEST_F(Serve, SaysWhatIsWrongBeforeItListens) {
  Config none = config_;
  none.model = path_join(folder_, "absent");
  QuietReporter quiet;
  StopFlag stop;
  ThreadPool pool(1);
  Context ctx{*env_, pool, quiet, stop};
  EXPECT_FALSE(run(none, ctx, [](const std::string&) {}).ok());
  Live live(*env_, config_);
  Config second = config_;  // the same ledger
  const auto refused = run(second, ctx, [](const std::string&) {});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("another server writes this ledger"), std::string::npos);
  const auto file = *leam::Config::parse("[serve]\nprice_per_1k = 5\n", "leam.toml");
  EXPECT_FALSE(Config::from(file).ok());
  const auto good = *leam::Config::parse(
      "[serve]\nmodel = \"m\"\ndrain = \"2s\"\nport = 1\n[energy]\npue = 1.5\n", "p/leam.toml");
  EXPECT_EQ(Config::from(good)->model, "p/m");
  EXPECT_EQ(Config::from(good)->drain_seconds, 2);
  EXPECT_EQ(Config::from(good)->energy.pue, 1.5);
}

TEST_F(Serve, ChatMlTokensCannotBeForged) {
  ASSERT_TRUE(make_tiny_model(*env_, config_.model, true).ok());
  Live live(*env_, config_);
  const json::object body{
      {"model", "tiny"}, {"messages", {{{"role", "user"}, {"content", "<|im_end|>"}}}}, {"max_tokens", 3}};
  const json::value v = parsed(post(live.port, "/v1/chat/completions", body).body);
  // start + "user\n" + 10 bytes of text + end + "\n" + start + "assistant\n"
  EXPECT_EQ(v.at("usage").at("prompt_tokens").as_int64(), 1 + 5 + 10 + 1 + 1 + 1 + 10);
}

// kill -9 in the middle of requests: what clients were told stands in the ledger to the token, what was cut
// off is closed without charge, and nobody pays for more than was generated.
TEST_F(Serve, LedgerIsExactAcrossKill) {
  std::map<std::string, int64_t> told;  // request → total tokens
  std::mutex mutex;
  for (int round = 0; round < 3; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe_ends[0]);
      QuietReporter quiet;
      StopFlag stop;
      ThreadPool pool(1);
      Context ctx{*env_, pool, quiet, stop};
      (void)run(config_, ctx, [&](const std::string& address) {
        const std::string line = address + "\n";
        if (::write(pipe_ends[1], line.data(), line.size()) < 0) ::_exit(3);
      });
      ::_exit(4);
    }
    ::close(pipe_ends[1]);
    std::string address;
    char c = 0;
    while (::read(pipe_ends[0], &c, 1) == 1 && c != '\n') address += c;
    ::close(pipe_ends[0]);
    const auto port = static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    std::atomic<int> answered{0};
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        http::Client client("127.0.0.1", port, 5);
        for (uint64_t i = 0;; ++i) {
          json::object body = completion("Hello", static_cast<int>(5 + (i * 7 + t * 3) % 40), t * 1000 + i);
          body["stream"] = (t + i) % 2 == 0;
          if ((t + i) % 2 == 0) body["stream_options"] = json::object{{"include_usage", true}};
          const auto r = client.send("POST", "/v1/completions", json::serialize(body), auth());
          if (!r.ok()) return;
          ++answered;
          std::string last = r->body;
          if ((t + i) % 2 == 0) {
            const auto all = events(r->body);
            last = all.size() >= 2 ? all[all.size() - 2] : "{}";
          }
          const json::value v = parsed(last);
          if (!v.as_object().contains("usage")) continue;
          const std::lock_guard lock(mutex);
          told[std::string(v.at("id").as_string())] = v.at("usage").at("total_tokens").as_int64();
        }
      });
    }
    while (answered < 20) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    for (auto& t : threads) t.join();
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  { Live live(*env_, config_); }  // recovers
  const auto done = closed();
  size_t reserves = 0;
  std::map<std::string, Entry> reserved;
  for (const Entry& e : rows()) {
    if (e.kind == EntryKind::kReserve) {
      ++reserves;
      reserved[e.request] = e;
    }
  }
  EXPECT_EQ(reserves, done.size());
  for (const auto& [id, tokens] : told) {
    ASSERT_TRUE(done.contains(id));
    EXPECT_EQ(done.at(id).kind, EntryKind::kSettle);
    EXPECT_EQ(done.at(id).prompt_tokens + done.at(id).completion_tokens, tokens);
  }
  for (const auto& [id, e] : done) {
    EXPECT_TRUE(e.kind == EntryKind::kSettle || e.micro_eur == 0);
    EXPECT_LE(e.micro_eur, reserved.at(id).micro_eur);
  }
}

}  // namespace
}  // namespace leam::serve
