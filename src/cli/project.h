// leam.toml for commands that also work without one.
#pragma once

#include "base/core/config.h"
#include "base/core/result.h"

namespace CLI {
class App;
}

namespace leam::cli {

struct Session;

// leam.toml if it is there or was asked for with --config (of `command` or a command it belongs to);
// otherwise every default, with --set applied.
Result<Config> config_if_any(const Session& session, const CLI::App& command);

}  // namespace leam::cli
