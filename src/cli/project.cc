#include "cli/project.h"

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace leam::cli {
namespace {

bool asked_for(const CLI::App& command) {
  if (const CLI::Option* o = command.get_option_no_throw("--config"); o != nullptr && o->count() > 0)
    return true;
  const auto below = command.get_subcommands();
  return std::any_of(below.begin(), below.end(), [](const CLI::App* c) { return asked_for(*c); });
}

}  // namespace

Result<Config> config_if_any(const Session& session, const CLI::App& command) {
  if (session.env->exists(session.config_path) || asked_for(command)) return session.config();
  return Config().with(session.settings);
}

}  // namespace leam::cli
