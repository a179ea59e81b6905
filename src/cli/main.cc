// leam: one program from raw pages to an invoice. See README.md for the line and src/README.md for the rooms.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/core/version.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace leam::cli {
namespace {

// The handler can reach nothing but a global.
StopFlag* stop_on_signal = nullptr;

void on_signal(int signal) {
  // The first Ctrl-C asks; the second one does not ask any more.
  if (stop_on_signal == nullptr || stop_on_signal->requested()) std::_Exit(128 + signal);
  stop_on_signal->request();
}

void install_signals(StopFlag& stop) {
  stop_on_signal = &stop;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  // A reader that closes its end early (`leam … | head`) is an error of write(), not a death.
  std::signal(SIGPIPE, SIG_IGN);
}

// LEAM_FAULT=full:N or kill:N breaks the N-th write of this process, for the crash tests.
Result<std::unique_ptr<Env>> make_env() {
  auto env = Env::real();
  const char* spec = std::getenv("LEAM_FAULT");
  if (spec == nullptr || *spec == '\0') return env;
  const std::string_view text(spec);
  const size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  uint64_t at = 0;
  const std::string_view number = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const auto [end, err] = std::from_chars(number.data(), number.data() + number.size(), at);
  if ((kind != "full" && kind != "kill") || err != std::errc() || end != number.data() + number.size()) {
    return Error(ErrorCode::kInvalid, "cli", fmt::format("LEAM_FAULT={} is not full:N or kill:N", spec));
  }
  return faulty_env(std::move(env), kind == "full" ? Fault::kFull : Fault::kKill, at);
}

int exit_code(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInterrupted:
      return 130;
    case ErrorCode::kInvalid:
      return 2;
    default:
      return 1;
  }
}

int fail(const Error& error) {
  fmt::print(stderr, "leam: {}\n", error.message());
  return exit_code(error);
}

}  // namespace

Result<Config> Session::config() const {
  Config config = LEAM_TRY(LEAM_TRY(Config::load(*env, config_path)).with(settings));
  LEAM_TRY(config.check_sections(
      {"project", "crawl", "corpus", "tokens", "train", "eval", "serve", "bill", "energy", "report"}));
  return config;
}

Context Session::context(uint64_t seed) {
  if (!pool_) pool_ = std::make_unique<ThreadPool>(threads);
  return Context{*env, *pool_, *reporter, stop, seed};
}

void add_project_options(CLI::App& command, Session& session) {
  command.add_option("-c,--config", session.config_path, "the project's leam.toml")->capture_default_str();
  command.add_option("--set", session.settings, "replace one key: --set train.steps=100 (may be repeated)")
      ->allow_extra_args(false);
  command.add_option("-j,--threads", session.threads, "threads (0: all processors)")
      ->check(CLI::Range(0, 4096));
}

int run_program(int argc, char** argv) {
  Session session;
  auto env = make_env();
  if (!env.ok()) return fail(env.error());
  session.env = std::move(*env);
  session.reporter = terminal_reporter(*session.env);
  install_signals(session.stop);

  CLI::App app{"leam: from raw web pages to a metered language model, in one program"};
  app.set_version_flag("--version", fmt::format("leam {} ({})", version(), commit()));
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help of every command");
  add_stages(app, session);
  add_crawl_tools(app, session);
  add_corpus_tools(app, session);
  add_tokens_tools(app, session);
  add_run(app, session);
  add_init(app, session);
  add_serve(app, session);
  add_bill(app, session);
  add_report(app, session);
  add_doctor(app, session);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 2;
  }
  bug_if(!session.action, "a command left no action");
  const auto done = session.action();
  session.reporter.reset();  // takes its progress line off the screen
  if (!done.ok()) return fail(done.error());
  if (std::fflush(stdout) != 0) {
    return fail(Error(ErrorCode::kIo, "cli", "cannot write to standard output"));
  }
  return 0;
}

}  // namespace leam::cli

int main(int argc, char** argv) {
  try {
    return leam::cli::run_program(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "leam: this is a bug in leam: {}\nhint: please report it with the command you ran\n",
               e.what());
    return 70;
  }
}
