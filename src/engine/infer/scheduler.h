// Continuous batching: one thread that takes the next rows of every running sequence through the model in
// one call, step by step. Sequences join and leave between steps. Since a row's result does not depend on
// the rest of the call (DESIGN §4.1), an answer is the same alone and among others.
//
// A step computes one row for each sequence that generates, and at most `prefill_rows` rows of prompts,
// shared evenly by the sequences that read theirs: a long prompt slows the others by that much a step and
// no more. Waiting requests are admitted in turn by tenant, not by number of requests.
//
// Each sequence has a cache of its own; nothing is shared between requests or tenants, not even equal
// prefixes, so that no tenant can time what another has asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "engine/infer/sampling.h"
#include "engine/nn/decoder.h"

namespace leam::infer {

struct SchedulerOptions {
  int max_running = 8;         // sequences in a step
  int max_waiting = 64;        // requests in the queue
  int64_t max_context = 0;     // tokens a sequence (prompt and answer); 0: the model's
  int64_t prefill_rows = 256;  // prompt tokens a step
};

struct GenerateRequest {
  std::vector<int32_t> prompt;  // at least one id, all in the vocabulary
  int64_t max_tokens = 16;      // at least 1; prompt + max_tokens ≤ max_context
  Sampling sampling;
  std::vector<int32_t> stop_ids;  // end the answer and are no part of it
  std::string tenant;
};

enum class Finish {
  kStop,       // the model ended it (a stop id), or the sink did
  kLength,     // max_tokens
  kCancelled,  // by its ticket, or because the scheduler ended
  kFailed,     // a bug in the engine; its message is in Ended::error
};

struct Ended {
  Finish finish = Finish::kStop;
  int64_t prompt_tokens = 0;      // read; fewer than asked only when cancelled early
  int64_t completion_tokens = 0;  // tokens the sink was given
  double cpu_seconds = 0;         // processor time, each step's shared by rows
  double queue_seconds = 0;       // until admitted
  double first_seconds = 0;       // from submission to the first token; 0 when there was none
  double total_seconds = 0;       // from submission
  std::string error;
};

// Receives one request's tokens, on the scheduler's thread: must not block or throw.
class Sink {
 public:
  virtual ~Sink() = default;
  // False: that is enough (a stop string was found). Stop ids do not come here.
  virtual bool on_token(const Sampled& token) = 0;
  // Once, last; also for a request that never started.
  virtual void on_end(const Ended& ended) = 0;
};

// Ends a request from any thread; it takes effect at the next step.
class Ticket {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_release); }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> cancelled_{false};
};

struct SchedulerStats {
  int running = 0, waiting = 0;
  uint64_t steps = 0, prompt_tokens = 0, completion_tokens = 0;
  uint64_t requests = 0, refused = 0, cancelled = 0, failed = 0;
  double busy_seconds = 0;  // in steps, by the clock
};

class Scheduler {
 public:
  // `decoder` and `exec` outlive it. The pool of `exec` is used by the scheduler's thread.
  static Result<std::unique_ptr<Scheduler>> start(const nn::Decoder& decoder, const tensor::Exec& exec,
                                                  const SchedulerOptions& options);
  virtual ~Scheduler() = default;  // cancels everything, then ends the thread

  virtual const SchedulerOptions& options() const = 0;
  // kFull when the queue is full, kInvalid when the request breaks its own rules.
  virtual Result<std::shared_ptr<Ticket>> submit(GenerateRequest request, std::unique_ptr<Sink> sink) = 0;
  // Cancels all that run or wait; new ones are refused with kUnavailable.
  virtual void stop() = 0;
  virtual SchedulerStats stats() const = 0;
};

// Bytes of all caches when every place is taken.
uint64_t cache_bytes(const nn::Decoder& decoder, const SchedulerOptions& options);

}  // namespace leam::infer
