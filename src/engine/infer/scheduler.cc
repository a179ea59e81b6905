#include "engine/infer/scheduler.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace leam::infer {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point t) {
  return std::chrono::duration<double>(Clock::now() - t).count();
}

double process_cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Sequence {
  GenerateRequest request;
  std::unique_ptr<Sink> sink;
  std::shared_ptr<Ticket> ticket;
  Clock::time_point submitted = Clock::now();
  Ended ended;
  nn::KvSlot slot;
  int64_t filled = 0;  // rows of the slot
  int32_t next = 0;    // the token drawn last, not yet in the slot
  TokenCounts counts;

  bool prefilling() const { return filled < static_cast<int64_t>(request.prompt.size()); }
};

class StepScheduler final : public Scheduler {
 public:
  StepScheduler(const nn::Decoder& decoder, const tensor::Exec& exec, SchedulerOptions options)
      : decoder_(decoder), exec_(exec), options_(options) {
    thread_ = std::thread([this] { loop(); });
  }

  ~StepScheduler() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = quit_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  const SchedulerOptions& options() const override { return options_; }

  Result<std::shared_ptr<Ticket>> submit(GenerateRequest request, std::unique_ptr<Sink> sink) override {
    LEAM_TRY(check(request));
    auto s = std::make_unique<Sequence>();
    s->request = std::move(request);
    s->sink = std::move(sink);
    s->ticket = std::make_shared<Ticket>();
    auto ticket = s->ticket;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return Error(ErrorCode::kUnavailable, "infer.scheduler", "the server is shutting down");
      // Requests that a free place is waiting for do not count as waiting.
      const int free_places = options_.max_running - stats_.running;
      if (stats_.waiting >= options_.max_waiting + free_places) {
        ++stats_.refused;
        return Error(ErrorCode::kFull, "infer.scheduler",
                     fmt::format("{} requests are waiting, which is as many as may", stats_.waiting),
                     "try again later");
      }
      ++stats_.waiting;
      ++stats_.requests;
      waiting_[s->request.tenant].push_back(std::move(s));
    }
    wake_.notify_one();
    return ticket;
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
  }

  SchedulerStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  using Running = std::vector<std::unique_ptr<Sequence>>;

  Result<void> check(const GenerateRequest& r) const {
    const auto bad = [](std::string what) {
      return Error(ErrorCode::kInvalid, "infer.scheduler", std::move(what));
    };
    if (r.prompt.empty()) return bad("the prompt has no tokens");
    if (r.max_tokens < 1) return bad("max_tokens must be at least 1");
    const auto prompt = static_cast<int64_t>(r.prompt.size());
    if (r.max_tokens > options_.max_context || prompt > options_.max_context - r.max_tokens) {
      return bad(fmt::format("{} tokens of prompt and {} of answer are more than the context of {}", prompt,
                             r.max_tokens, options_.max_context));
    }
    const auto outside = [&](int32_t id) { return id < 0 || id >= decoder_.config().vocab; };
    for (const int32_t id : r.prompt) {
      if (outside(id)) return bad(fmt::format("token id {} is outside of the vocabulary", id));
    }
    for (const auto& [id, bias] : r.sampling.bias) {
      if (outside(id)) return bad(fmt::format("token id {} is outside of the vocabulary", id));
    }
    if (!(r.sampling.temperature >= 0) || !(r.sampling.top_p > 0) || !(r.sampling.top_p <= 1)) {
      return bad("temperature or top_p out of range");
    }
    return {};
  }

  void loop() {
    Running running;
    while (true) {
      bool stopping = false;
      Running gone;  // cancelled while they waited
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || !running.empty() || stats_.waiting > 0; });
        stopping = stopping_;
        if (stopping && running.empty() && stats_.waiting == 0) {
          if (quit_) return;
          wake_.wait(lock, [&] { return quit_ || stats_.waiting > 0; });
          continue;
        }
        take_cancelled(stopping, gone);
        if (!stopping) admit(running);
        stats_.running = static_cast<int>(running.size());
      }
      for (auto& s : gone) end(*s, Finish::kCancelled);
      std::erase_if(running, [&](auto& s) {
        if (!stopping && !s->ticket->cancelled()) return false;
        end(*s, Finish::kCancelled);
        return true;
      });
      if (!running.empty()) {
        try {
          step(running);
        } catch (const std::exception& e) {
          // A bug in the engine ends what was in this step, not the server.
          for (auto& s : running) {
            s->ended.error = e.what();
            end(*s, Finish::kFailed);
          }
          running.clear();
        }
      }
      const std::lock_guard lock(mutex_);
      stats_.running = static_cast<int>(running.size());
    }
  }

  // With the lock held.
  void take_cancelled(bool all, Running& gone) {
    for (auto tenant = waiting_.begin(); tenant != waiting_.end();) {
      auto& queue = tenant->second;
      for (auto& s : queue) {
        if (all || s->ticket->cancelled()) gone.push_back(std::move(s));
      }
      std::erase(queue, nullptr);
      tenant = queue.empty() ? waiting_.erase(tenant) : std::next(tenant);
    }
    stats_.waiting -= static_cast<int>(gone.size());
  }

  // With the lock held: one request of each tenant in turn, from the one after the last served.
  void admit(Running& running) {
    while (!waiting_.empty() && running.size() < static_cast<size_t>(options_.max_running)) {
      auto tenant = waiting_.upper_bound(last_tenant_);
      if (tenant == waiting_.end()) tenant = waiting_.begin();
      last_tenant_ = tenant->first;
      auto s = std::move(tenant->second.front());
      tenant->second.pop_front();
      if (tenant->second.empty()) waiting_.erase(tenant);
      --stats_.waiting;
      s->ended.queue_seconds = since(s->submitted);
      running.push_back(std::move(s));
    }
  }

  void step(Running& running) {
    const auto begin = Clock::now();
    const double cpu = process_cpu_seconds();
    std::vector<nn::Chunk> chunks;
    std::vector<Sequence*> owners;
    int64_t rows = 0;

    std::vector<Sequence*> reading;
    for (auto& s : running) {
      if (s->prefilling()) {
        reading.push_back(s.get());
        continue;
      }
      chunks.push_back({{&s->next, 1}, s->filled, &s->slot, nn::Want::kLast});
      owners.push_back(s.get());
      ++rows;
    }
    // Even shares of the budget; who needs less than its share leaves the rest to those after it. The first
    // place goes round, so that a share too small to matter is nobody's for ever.
    int64_t budget = options_.prefill_rows;
    if (!reading.empty())
      std::rotate(reading.begin(), reading.begin() + turn_++ % reading.size(), reading.end());
    std::ranges::stable_sort(reading, {}, [](const Sequence* s) {
      return static_cast<int64_t>(s->request.prompt.size()) - s->filled;
    });
    for (size_t i = 0; i < reading.size() && budget > 0; ++i) {
      Sequence& s = *reading[i];
      if (s.slot.capacity == 0) s.slot = take_slot();
      const auto left = static_cast<int64_t>(s.request.prompt.size()) - s.filled;
      const auto share = std::max<int64_t>(1, budget / static_cast<int64_t>(reading.size() - i));
      const int64_t n = std::min(left, share);
      budget -= n;
      rows += n;
      chunks.push_back({{s.request.prompt.data() + s.filled, static_cast<size_t>(n)},
                        s.filled,
                        &s.slot,
                        n == left ? nn::Want::kLast : nn::Want::kNone});
      owners.push_back(&s);
    }

    const tensor::Tensor logits = decoder_.logits(exec_, chunks);
    std::vector<std::pair<Sequence*, Sampled>> drawn;
    for (size_t i = 0; i < chunks.size(); ++i) {
      Sequence& s = *owners[i];
      const bool prompt = s.prefilling();
      s.filled += static_cast<int64_t>(chunks[i].ids.size());
      if (prompt) s.ended.prompt_tokens = s.filled;
      if (chunks[i].want == nn::Want::kLast) drawn.emplace_back(&s, Sampled{});
    }
    const int64_t vocab = decoder_.config().vocab;
    exec_.pool.run(drawn.size(), [&](size_t i) {
      const Sequence& s = *drawn[i].first;
      const float* row = logits.data<float>() + static_cast<int64_t>(i) * vocab;
      drawn[i].second = sample({row, static_cast<size_t>(vocab)}, s.request.sampling,
                               static_cast<uint64_t>(s.filled), s.counts);
    });

    const double spent = process_cpu_seconds() - cpu;
    uint64_t read = 0;
    for (size_t i = 0; i < chunks.size(); ++i) {
      const auto n = static_cast<double>(chunks[i].ids.size());
      owners[i]->ended.cpu_seconds += spent * n / static_cast<double>(rows);
      if (owners[i]->ended.completion_tokens == 0) read += chunks[i].ids.size();
    }
    std::vector<const Sequence*> done;
    uint64_t written = 0;
    for (auto& [s, token] : drawn) {
      if (deliver(*s, token, written)) done.push_back(s);
    }
    std::erase_if(running, [&](const auto& s) { return std::ranges::find(done, s.get()) != done.end(); });

    const std::lock_guard lock(mutex_);
    ++stats_.steps;
    stats_.prompt_tokens += read;
    stats_.completion_tokens += written;
    stats_.busy_seconds += since(begin);
  }

  // True when the sequence has ended.
  bool deliver(Sequence& s, const Sampled& token, uint64_t& written) {
    if (std::ranges::find(s.request.stop_ids, token.id) != s.request.stop_ids.end()) {
      end(s, Finish::kStop);
      return true;
    }
    if (s.ended.completion_tokens++ == 0) s.ended.first_seconds = since(s.submitted);
    ++written;
    s.next = token.id;
    ++s.counts[token.id];
    if (!s.sink->on_token(token)) {
      end(s, Finish::kStop);
      return true;
    }
    if (s.ended.completion_tokens >= s.request.max_tokens) {
      end(s, Finish::kLength);
      return true;
    }
    return false;
  }

  void end(Sequence& s, Finish finish) {
    s.ended.finish = finish;
    s.ended.total_seconds = since(s.submitted);
    if (s.slot.capacity > 0) free_slots_.push_back(std::move(s.slot));
    if (finish == Finish::kCancelled || finish == Finish::kFailed) {
      const std::lock_guard lock(mutex_);
      ++(finish == Finish::kFailed ? stats_.failed : stats_.cancelled);
    }
    s.sink->on_end(s.ended);
  }

  // All of one size, and given out again: a long life does not scatter the memory.
  nn::KvSlot take_slot() {
    if (free_slots_.empty()) return decoder_.make_slot(exec_.memory, options_.max_context);
    nn::KvSlot slot = std::move(free_slots_.back());
    free_slots_.pop_back();
    return slot;
  }

  const nn::Decoder& decoder_;
  const tensor::Exec exec_;
  const SchedulerOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, std::deque<std::unique_ptr<Sequence>>> waiting_;  // by tenant; none is empty
  std::string last_tenant_;
  bool stopping_ = false, quit_ = false;
  SchedulerStats stats_;

  std::vector<nn::KvSlot> free_slots_;  // the scheduler's thread only
  size_t turn_ = 0;
  std::thread thread_;
};

}  // namespace

uint64_t cache_bytes(const nn::Decoder& decoder, const SchedulerOptions& options) {
  const int64_t context = options.max_context > 0 ? options.max_context : decoder.config().max_context;
  return static_cast<uint64_t>(options.max_running) * decoder.kv_bytes(context);
}

Result<std::unique_ptr<Scheduler>> Scheduler::start(const nn::Decoder& decoder, const tensor::Exec& exec,
                                                    const SchedulerOptions& options) {
  SchedulerOptions o = options;
  const int64_t longest = decoder.config().max_context;
  if (o.max_context == 0) o.max_context = longest;
  if (o.max_context < 2 || o.max_context > longest) {
    return Error(ErrorCode::kInvalid, "infer.scheduler",
                 fmt::format("max_context is {}; this model allows 2 to {}", o.max_context, longest));
  }
  if (o.max_running < 1 || o.max_waiting < 0 || o.prefill_rows < 1) {
    return Error(ErrorCode::kInvalid, "infer.scheduler",
                 "max_running and prefill_rows must be at least 1, max_waiting at least 0");
  }
  return std::unique_ptr<Scheduler>(std::make_unique<StepScheduler>(decoder, exec, o));
}

}  // namespace leam::infer
