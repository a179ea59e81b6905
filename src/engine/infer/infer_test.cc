#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <future>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "base/core/rng.h"
#include "engine/infer/generate.h"
#include "engine/infer/scheduler.h"
#include "engine/tensor/dispatch.h"

namespace leam::infer {
namespace {

using tensor::DType;
using tensor::Tensor;

// A random model, large enough that sequences differ and small enough that a step takes microseconds.
struct Model {
  explicit Model(int threads = 2) : pool(threads) {
    nn::DecoderConfig c;
    c.vocab = 300;
    c.d_model = 32;
    c.n_layers = 2;
    c.n_heads = 4;
    c.n_kv_heads = 2;
    c.head_dim = 8;
    c.ffn = 64;
    c.max_context = 128;
    c.eos_ids = {};
    std::vector<Tensor> weights;
    uint32_t n = 0;
    for (const nn::ParameterSpec& p : c.parameters()) {
      Tensor t = Tensor::empty(memory, p.shape, DType::kF32);
      const Stream random(7, purpose("test"), 0, n++);
      for (int64_t i = 0; i < t.numel(); ++i) {
        t.data<float>()[i] =
            p.kind == nn::ParameterKind::kGain ? 1.0f : 0.3f * random.normal(static_cast<uint64_t>(i));
      }
      weights.push_back(std::move(t));
    }
    decoder = std::make_unique<nn::Decoder>(c, std::move(weights));
  }
  ThreadPool pool;
  tensor::Memory memory;
  tensor::Dispatch dispatch;
  tensor::Exec exec{pool, memory, dispatch};
  std::unique_ptr<nn::Decoder> decoder;
};

// Collects an answer; waits for its end.
struct Answer {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int32_t> ids;
  std::vector<float> logprobs;
  std::optional<Ended> ended;
  size_t enough = SIZE_MAX;
  std::function<void()> on_first = {};

  Ended wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ended.has_value(); });
    return *ended;
  }
};

class Collect : public Sink {
 public:
  explicit Collect(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}
  bool on_token(const Sampled& token) override {
    const std::lock_guard lock(answer_->mutex);
    answer_->ids.push_back(token.id);
    answer_->logprobs.push_back(token.logprob);
    if (answer_->ids.size() == 1 && answer_->on_first) answer_->on_first();
    return answer_->ids.size() < answer_->enough;
  }
  void on_end(const Ended& ended) override {
    const std::lock_guard lock(answer_->mutex);
    answer_->ended = ended;
    answer_->changed.notify_all();
  }

 private:
  std::shared_ptr<Answer> answer_;
};

std::vector<int32_t> prompt(int n, uint64_t seed) {
  std::vector<int32_t> ids;
  const Stream random(seed, purpose("prompt"));
  for (int i = 0; i < n; ++i)
    ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(i), 300)));
  return ids;
}

GenerateRequest request(int n, uint64_t seed, int64_t max_tokens = 20, std::string tenant = "a") {
  return {prompt(n, seed), max_tokens, {.seed = seed}, {}, std::move(tenant)};
}

std::shared_ptr<Answer> submit(Scheduler& s, GenerateRequest r, std::shared_ptr<Ticket>* ticket = nullptr) {
  auto answer = std::make_shared<Answer>();
  auto t = s.submit(std::move(r), std::make_unique<Collect>(answer));
  EXPECT_TRUE(t.ok()) << t.error().message();
  if (ticket != nullptr) *ticket = *t;
  return answer;
}

TEST(Sampling, GreedyTakesTheFirstOfEquals) {
  const std::vector<float> x = {1, 5, std::nanf(""), 5, std::numeric_limits<float>::infinity()};
  EXPECT_EQ(sample(x, {.temperature = 0}, 0, {}).id, 1);
  EXPECT_EQ(sample(x, {.temperature = 0, .bias = {{3, 1.0f}}}, 0, {}).id, 3);
  EXPECT_EQ(sample(x, {.temperature = 0, .presence_penalty = 1}, 0, {{1, 2}}).id, 3);
  const std::vector<float> none(4, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(sample(none, {}, 0, {}).id, 0);
}

TEST(Sampling, DrawsWithTheRightFrequencies) {
  const std::vector<float> x = {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  const auto count = [&](const Sampling& how) {
    std::vector<int> n(4);
    for (uint64_t i = 0; i < 20'000; ++i) ++n[static_cast<size_t>(sample(x, how, i, {}).id)];
    return n;
  };
  const auto all = count({.seed = 1});
  EXPECT_NEAR(all[0], 10'000, 300);
  EXPECT_NEAR(all[1], 6'000, 300);
  EXPECT_NEAR(all[3], 1'000, 150);
  const auto nucleus = count({.top_p = 0.8, .seed = 1});
  EXPECT_NEAR(nucleus[0], 12'500, 300);
  EXPECT_EQ(nucleus[2] + nucleus[3], 0);
  EXPECT_EQ(count({.top_p = 0.01, .seed = 1})[0], 20'000);
  const auto sharp = count({.temperature = 0.5, .seed = 1});  // squares: 25 : 9 : 2.25 : 0.25
  EXPECT_NEAR(sharp[0], 20'000 * 25 / 36.5, 300);
  EXPECT_NE(count({.seed = 2}), all);
}

TEST(Sampling, NucleusIsTheSameHoweverLargeTheVocabulary) {
  // Needs more than the first ordered piece.
  std::vector<float> x(5000);
  const Stream random(3, purpose("test"));
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.01f * random.normal(i);
  for (uint64_t i = 0; i < 50; ++i) {
    const int32_t id = sample(x, {.top_p = 0.5, .seed = 9}, i, {}).id;
    const auto above = std::ranges::count_if(x, [&](float v) { return v > x[static_cast<size_t>(id)]; });
    EXPECT_LT(above, 2550);
  }
}

TEST(Sampling, ReportsLogprobs) {
  const std::vector<float> x = {1, 3, 2};
  const auto s = sample(x, {.temperature = 0, .bias = {{0, 100.0f}}, .logprobs = 2}, 0, {});
  EXPECT_EQ(s.id, 0);
  const double norm = std::log(std::exp(1.0) + std::exp(3.0) + std::exp(2.0));
  EXPECT_NEAR(s.logprob, 1 - norm, 1e-5);
  ASSERT_EQ(s.top.size(), 2u);
  EXPECT_EQ(s.top[0].id, 1);
  EXPECT_NEAR(s.top[1].logprob, 2 - norm, 1e-5);
}

TEST(StopText, FindsStopsHoweverTheTextIsCut) {
  const std::string text = "one two STOP three";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    StopText stops({"STOP", "zzz"});
    std::string out;
    for (size_t i = 0; i < text.size(); i += piece) out += stops.push(text.substr(i, piece));
    EXPECT_TRUE(stops.hit());
    EXPECT_EQ(out + stops.finish(), "one two ");
  }
  StopText near({"aab"});
  std::string out = near.push("xaa");
  EXPECT_EQ(out, "x");
  out += near.push("a");
  EXPECT_EQ(out, "xa");
  out += near.push("c");
  EXPECT_EQ(out, "xaaac");
  EXPECT_FALSE(near.hit());
  StopText end({"ab"});
  EXPECT_EQ(end.push("ya"), "y");
  EXPECT_EQ(end.finish(), "a");
  StopText first({"bc", "ab"});
  EXPECT_EQ(first.push("xabc"), "x");
}

TEST(Scheduler, AnswersTheSameAloneAndAmongOthers) {
  Model model;
  auto scheduler = *Scheduler::start(*model.decoder, model.exec, {.max_running = 9, .prefill_rows = 16});
  const auto alone = submit(*scheduler, request(30, 1));
  alone->wait();
  EXPECT_EQ(alone->ids.size(), 20u);
  std::vector<std::shared_ptr<Answer>> others;
  for (uint64_t i = 2; i < 6; ++i) others.push_back(submit(*scheduler, request(static_cast<int>(i * 11), i)));
  const auto among = submit(*scheduler, request(30, 1));
  for (uint64_t i = 6; i < 10; ++i) others.push_back(submit(*scheduler, request(static_cast<int>(i * 3), i)));
  among->wait();
  EXPECT_EQ(among->ids, alone->ids);
  for (auto& o : others) o->wait();

  // Other threads, other sizes of pieces, and one that was never in a scheduler.
  Model single(1);
  auto other = *Scheduler::start(*single.decoder, single.exec, {.max_running = 1, .prefill_rows = 7});
  const auto again = submit(*other, request(30, 1));
  again->wait();
  EXPECT_EQ(again->ids, alone->ids);
  for (uint64_t i = 2; i < 6; ++i) {
    const auto one = submit(*other, request(static_cast<int>(i * 11), i));
    one->wait();
    EXPECT_EQ(one->ids, others[i - 2]->ids);
  }
}

TEST(Scheduler, CountsTokensAndTime) {
  Model model;
  auto scheduler = *Scheduler::start(*model.decoder, model.exec, {});
  const auto a = submit(*scheduler, request(50, 1, 10));
  const Ended e = a->wait();
  EXPECT_EQ(e.finish, Finish::kLength);
  EXPECT_EQ(e.prompt_tokens, 50);
  EXPECT_EQ(e.completion_tokens, 10);
  EXPECT_GT(e.cpu_seconds, 0);
  EXPECT_GT(e.first_seconds, 0);
  EXPECT_LE(e.first_seconds, e.total_seconds);
  const auto stopped = std::make_shared<Answer>();
  stopped->enough = 3;
  ASSERT_TRUE(scheduler->submit(request(50, 1, 10), std::make_unique<Collect>(stopped)).ok());
  const Ended s = stopped->wait();
  EXPECT_EQ(s.finish, Finish::kStop);
  EXPECT_EQ(s.completion_tokens, 3);
  // The fourth token as an end token: not part of the answer.
  GenerateRequest r = request(50, 1, 10);
  r.stop_ids = {a->ids[3]};
  const auto ended = submit(*scheduler, r);
  const Ended x = ended->wait();
  EXPECT_EQ(x.finish, Finish::kStop);
  EXPECT_LE(x.completion_tokens, 3);
  const SchedulerStats stats = scheduler->stats();
  EXPECT_EQ(stats.prompt_tokens, 150u);
  EXPECT_EQ(stats.completion_tokens, static_cast<uint64_t>(13 + x.completion_tokens));
}

TEST(Scheduler, CancelFreesThePlace) {
  Model model;
  auto scheduler = *Scheduler::start(*model.decoder, model.exec, {.max_running = 1});
  std::shared_ptr<Ticket> ticket;
  // The first one ends itself from inside; the second is cancelled while it waits.
  const auto running = std::make_shared<Answer>();
  std::promise<std::shared_ptr<Ticket>> promise;
  running->on_first = [future = promise.get_future().share()] { future.get()->cancel(); };
  promise.set_value(*scheduler->submit(request(5, 1, 120), std::make_unique<Collect>(running)));
  const auto waiting = submit(*scheduler, request(5, 2, 120), &ticket);
  ticket->cancel();
  EXPECT_EQ(running->wait().finish, Finish::kCancelled);
  EXPECT_EQ(running->ids.size(), 1u);
  EXPECT_EQ(running->ended->completion_tokens, 1);
  const Ended w = waiting->wait();
  EXPECT_EQ(w.finish, Finish::kCancelled);
  EXPECT_EQ(w.prompt_tokens + w.completion_tokens, 0);
  EXPECT_EQ(submit(*scheduler, request(5, 3))->wait().finish, Finish::kLength);
  EXPECT_EQ(scheduler->stats().cancelled, 2u);
}

TEST(Scheduler, BoundsItsQueueAndIsFairToTenants) {
  Model model;
  auto scheduler = *Scheduler::start(*model.decoder, model.exec, {.max_running = 1, .max_waiting = 5});
  std::mutex mutex;
  std::vector<std::string> order;
  std::promise<void> go;
  auto blocker = std::make_shared<Answer>();
  blocker->on_first = [f = go.get_future().share()] { f.wait(); };
  ASSERT_TRUE(scheduler->submit(request(5, 1, 2), std::make_unique<Collect>(blocker)).ok());
  while (scheduler->stats().running == 0) std::this_thread::yield();
  std::vector<std::shared_ptr<Answer>> answers;
  for (const char* tenant : {"greedy", "greedy", "greedy", "greedy", "modest"}) {
    auto a = std::make_shared<Answer>();
    a->on_first = [&, tenant] {
      const std::lock_guard lock(mutex);
      order.push_back(tenant);
    };
    ASSERT_TRUE(scheduler->submit(request(5, 1, 3, tenant), std::make_unique<Collect>(a)).ok());
    answers.push_back(a);
  }
  const auto full = scheduler->submit(request(5, 1), std::make_unique<Collect>(std::make_shared<Answer>()));
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), ErrorCode::kFull);
  go.set_value();
  for (auto& a : answers) a->wait();
  const auto modest = std::ranges::find(order, "modest") - order.begin();
  EXPECT_LE(modest, 1);
}

TEST(Scheduler, ALongPromptDoesNotStopTheOthers) {
  Model model;
  auto scheduler = *Scheduler::start(*model.decoder, model.exec, {.max_running = 4, .prefill_rows = 4});
  const auto quick = std::make_shared<Answer>();
  std::shared_ptr<Answer> slow;
  quick->on_first = [&] {
    slow = std::make_shared<Answer>();
    EXPECT_TRUE(scheduler->submit(request(120, 2, 2), std::make_unique<Collect>(slow)).ok());
  };
  ASSERT_TRUE(scheduler->submit(request(4, 1, 20), std::make_unique<Collect>(quick)).ok());
  quick->wait();
  // 20 tokens at one a step, while 120 rows at 4 a step take 30.
  EXPECT_FALSE([&] {
    const std::lock_guard lock(slow->mutex);
    return slow->ended.has_value();
  }());
  slow->wait();
}

TEST(Scheduler, RefusesWhatBreaksTheRules) {
  Model model;
  auto scheduler = *Scheduler::start(*model.decoder, model.exec, {});
  const auto error = [&](GenerateRequest r) {
    return scheduler->submit(std::move(r), std::make_unique<Collect>(std::make_shared<Answer>()))
        .error()
        .message();
  };
  EXPECT_NE(error(request(0, 1)).find("no tokens"), std::string::npos);
  EXPECT_NE(error(request(120, 1, 9)).find("more than the context of 128"), std::string::npos);
  EXPECT_NE(error(request(120, 1, INT64_MAX)).find("context"), std::string::npos);
  GenerateRequest outside = request(3, 1);
  outside.prompt[1] = 300;
  EXPECT_NE(error(outside).find("300"), std::string::npos);
  EXPECT_FALSE(Scheduler::start(*model.decoder, model.exec, {.max_context = 129}).ok());
  scheduler->stop();
  EXPECT_NE(error(request(3, 1)).find("shutting down"), std::string::npos);
}

TEST(Scheduler, EndsEverythingWhenItEnds) {
  Model model;
  std::vector<std::shared_ptr<Answer>> answers;
  {
    auto scheduler = *Scheduler::start(*model.decoder, model.exec, {.max_running = 2});
    for (uint64_t i = 0; i < 6; ++i) answers.push_back(submit(*scheduler, request(5, i, 120)));
  }
  for (auto& a : answers) EXPECT_EQ(a->wait().finish, Finish::kCancelled);
}

}  // namespace
}  // namespace leam::infer
