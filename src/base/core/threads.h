// One pool of threads for the whole program, given to whoever computes.
//
// Work is cut into tasks by the caller, by the data alone and never by the number of threads, and a
// task writes only its own output. So results do not depend on how many threads there are.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace leam {

class ThreadPool {
 public:
  // `threads` counts the calling thread too; 0 means one for each processor this process may use.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls task(i) for every i in [0, tasks), on any thread, and returns when all are done. The caller
  // works too. Idle workers spin for some microseconds before they sleep, so that a chain of small
  // operators costs no wake-ups. A task may itself call run(): the inner call then runs in place.
  // The first exception of a task is thrown again here, after all tasks have ended.
  void run(size_t tasks, const std::function<void(size_t)>& task);

  // The same in chunks: body(begin, end) over [0, n) in pieces of `grain`, the last one shorter.
  void run_range(size_t n, size_t grain, const std::function<void(size_t, size_t)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Processors this process may run on (its affinity mask and cgroup quota), at least 1.
int available_cpus();

}  // namespace leam
