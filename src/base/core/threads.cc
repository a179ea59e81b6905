#include "base/core/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/core/result.h"

namespace leam {
namespace {

// True while this thread is inside a task of some pool: an inner run() works in place.
thread_local bool inside_task = false;

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

// A job is published by raising `epoch`; its tasks are handed out by `next`, and `left` counts those
// not finished. A worker that is late to a job finds next >= tasks and does nothing. `active` keeps the
// caller from publishing the next job while a worker still looks at this one.
struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex run_mutex;  // one job at a time

  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<uint64_t> epoch{0};
  std::atomic<bool> quit{false};
  std::atomic<int> active{0};

  const std::function<void(size_t)>* task = nullptr;
  size_t tasks = 0;
  std::atomic<size_t> next{0};
  std::atomic<size_t> left{0};
  std::mutex error_mutex;
  std::exception_ptr error;

  void work() {
    inside_task = true;
    while (true) {
      const size_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= tasks) break;
      try {
        (*task)(i);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
      }
      left.fetch_sub(1, std::memory_order_acq_rel);
    }
    inside_task = false;
  }

  void loop() {
    uint64_t seen = 0;
    while (true) {
      // About 50 µs of spinning, then sleep.
      for (int spin = 0; spin < 2000 && epoch.load(std::memory_order_acquire) == seen; ++spin) pause_cpu();
      if (epoch.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return epoch.load(std::memory_order_acquire) != seen; });
      }
      if (quit.load(std::memory_order_acquire)) return;
      active.fetch_add(1, std::memory_order_acq_rel);
      // The job may have ended and been replaced between the two loads; the newest one is what counts.
      seen = epoch.load(std::memory_order_acquire);
      if (seen % 2 == 0) work();
      active.fetch_sub(1, std::memory_order_acq_rel);
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads <= 0) threads = available_cpus();
  for (int i = 1; i < threads; ++i) state_->workers.emplace_back([s = state_.get()] { s->loop(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->quit.store(true, std::memory_order_release);
    state_->epoch.fetch_add(2, std::memory_order_acq_rel);
  }
  state_->wake.notify_all();
  for (std::thread& t : state_->workers) t.join();
}

int ThreadPool::threads() const {
  return static_cast<int>(state_->workers.size()) + 1;
}

void ThreadPool::run(size_t tasks, const std::function<void(size_t)>& task) {
  if (tasks == 0) return;
  if (inside_task || tasks == 1 || state_->workers.empty()) {
    for (size_t i = 0; i < tasks; ++i) task(i);
    return;
  }
  State& s = *state_;
  const std::lock_guard one_job(s.run_mutex);
  {
    const std::lock_guard lock(s.mutex);
    // Odd epoch: no job. Workers that wake now do nothing; wait until none of them looks any more.
    s.epoch.fetch_add(1, std::memory_order_acq_rel);
    while (s.active.load(std::memory_order_acquire) != 0) pause_cpu();
    s.task = &task;
    s.tasks = tasks;
    s.left.store(tasks, std::memory_order_relaxed);
    s.next.store(0, std::memory_order_relaxed);
    s.error = nullptr;
    s.epoch.fetch_add(1, std::memory_order_acq_rel);
  }
  s.wake.notify_all();
  s.work();
  // Spin a while, then give the processor away: a task may be long.
  for (int spin = 0; s.left.load(std::memory_order_acquire) != 0; ++spin) {
    if (spin < 20000) {
      pause_cpu();
    } else {
      std::this_thread::yield();
    }
  }
  if (s.error) std::rethrow_exception(s.error);
}

void ThreadPool::run_range(size_t n, size_t grain, const std::function<void(size_t, size_t)>& body) {
  bug_if(grain == 0, "run_range with grain 0");
  run((n + grain - 1) / grain, [&](size_t i) { body(i * grain, std::min(n, (i + 1) * grain)); });
}

int available_cpus() {
  cpu_set_t set;
  int cpus = 1;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
  // cgroup v2: "max 100000" or "200000 100000".
  if (std::FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    long quota = 0, period = 0;
    if (std::fscanf(f, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0)
      cpus = std::min(cpus, static_cast<int>((quota + period - 1) / period));
    std::fclose(f);
  }
  return std::max(cpus, 1);
}

}  // namespace leam
