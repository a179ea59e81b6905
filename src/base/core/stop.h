// Asking long work to stop. The program's signal handler sets the flag; a stage looks at it between
// two pieces of work, saves what it has and returns ErrorCode::kInterrupted.
#pragma once

#include <atomic>

#include "base/core/result.h"

namespace leam {

class StopFlag {
 public:
  // Async-signal-safe.
  void request() { stop_.store(true, std::memory_order_relaxed); }
  bool requested() const { return stop_.load(std::memory_order_relaxed); }
  // An error when a stop was asked for; `kept` says what the user does not lose.
  Result<void> check(std::string_view where, std::string_view kept) const {
    if (!requested()) return {};
    return Error(ErrorCode::kInterrupted, where, "stopped on request", std::string(kept));
  }

 private:
  std::atomic<bool> stop_{false};
};

}  // namespace leam
