// The API itself: routes, keys, reservations, answers. Between the HTTP server, the scheduler and the
// ledger, none of which knows the others.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/core/env.h"
#include "base/core/power.h"
#include "base/http/server.h"
#include "base/store/ledger.h"
#include "base/text/tokenizer.h"
#include "engine/infer/scheduler.h"
#include "pipeline/serve/keys.h"
#include "pipeline/serve/request.h"

namespace leam::serve {

// The model on offer.
struct Offer {
  std::string name;  // for clients
  std::string hash;  // content hash of its folder
  int64_t created = 0;
  int64_t vocab = 0;
  std::vector<int32_t> eos_ids;  // end an answer
  store::Price price;
  EnergyAssumptions energy;
};

struct Totals {
  std::atomic<uint64_t> settled{0}, aborted{0}, disconnected{0}, refused{0}, unauthorized{0};
  std::atomic<uint64_t> prompt_tokens{0}, completion_tokens{0}, micro_eur{0}, microjoules{0};
  std::atomic<uint64_t> first_token_us{0}, first_tokens{0};
};

class Service {
 public:
  // Everything outlives the service; `server` is told later since it needs the handler first.
  Service(Env& env, Offer offer, const text::Tokenizer& tokenizer, infer::Scheduler& scheduler,
          store::Ledger& ledger, const Keys& keys);

  void handle(const std::shared_ptr<http::Exchange>& x);
  void set_server(const http::Server* server) { server_.store(server); }
  // Waits until every reservation that was made is closed in the ledger.
  void wait_idle();

  const Offer& offer() const { return offer_; }
  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  store::Ledger& ledger() { return ledger_; }
  infer::Scheduler& scheduler() { return scheduler_; }
  Totals& totals() { return totals_; }
  void opened();
  void closed();

 private:
  void complete(const std::shared_ptr<http::Exchange>& x, const Key& key, bool chat);
  http::Response models(std::string_view path) const;
  http::Response health() const;
  http::Response metrics() const;
  std::optional<Key> authorize(const std::shared_ptr<http::Exchange>& x);

  Env& env_;
  Offer offer_;
  const text::Tokenizer& tokenizer_;
  infer::Scheduler& scheduler_;
  store::Ledger& ledger_;
  const Keys& keys_;
  std::atomic<const http::Server*> server_{nullptr};
  Totals totals_;
  int64_t started_ns_;
  std::mutex mutex_;
  std::condition_variable idle_;
  int64_t open_ = 0;
};

}  // namespace leam::serve
