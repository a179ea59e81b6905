// What every stage is given: the machine, the threads, the way to talk and the way to be stopped.
#pragma once

#include <cstdint>

#include "base/core/env.h"
#include "base/core/reporter.h"
#include "base/core/stop.h"
#include "base/core/threads.h"

namespace leam {

struct Context {
  Env& env;
  ThreadPool& pool;
  Reporter& reporter;
  const StopFlag& stop;
  uint64_t seed = 0;  // [project] seed
};

}  // namespace leam
