// The Reporter of the program: on a terminal one line that redraws itself, in a log a line now and then.
// Writes to stderr, so that stdout stays for results.
#pragma once

#include <memory>

#include "base/core/env.h"
#include "base/core/reporter.h"

namespace leam::cli {

std::unique_ptr<Reporter> terminal_reporter(Env& env);

}  // namespace leam::cli
