// The program's subcommands. Each lives in a file of its own, which registers it with add_<name>() and
// leaves its work behind as session.action; main() runs that and turns an error into a message and an
// exit code:
//
//   void add_crawl_tools(CLI::App& app, Session& session) {
//     auto file = std::make_shared<std::string>();
//     CLI::App* crawl = app.get_subcommand("crawl");                    // stages exist already
//     CLI::App* cat = crawl->add_subcommand("cat", "records of a WARC file, one JSON object a line");
//     cat->add_option("FILE", *file)->required();
//     cat->callback([&session, file] {
//       session.action = [&session, file]() -> Result<void> { … };      // may print to stdout
//     });
//   }
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/core/config.h"
#include "base/core/context.h"

namespace CLI {
class App;
}

namespace leam::cli {

struct Session {
  std::unique_ptr<Env> env;
  std::unique_ptr<Reporter> reporter;
  StopFlag stop;  // set by SIGINT and SIGTERM

  // Options every command has.
  std::string config_path = "leam.toml";
  std::vector<std::string> settings;  // --set section.key=value
  int threads = 0;                    // 0: all processors of this process

  std::function<Result<void>()> action;

  // leam.toml with --set applied; its sections' names are checked.
  Result<Config> config() const;
  // Threads start at the first call.
  Context context(uint64_t seed = 0);

 private:
  std::unique_ptr<ThreadPool> pool_;
};

// --config, --set and --threads, for commands that read leam.toml.
void add_project_options(CLI::App& command, Session& session);

// One function a file of this folder, called by main in the order of the help text.
void add_stages(CLI::App& app, Session& session);        // crawl corpus tokens train eval
void add_crawl_tools(CLI::App& app, Session& session);   // crawl extract, cat, langid
void add_corpus_tools(CLI::App& app, Session& session);  // corpus explain
void add_tokens_tools(CLI::App& app, Session& session);  // tokens encode, decode, inspect
void add_run(CLI::App& app, Session& session);           // run, status
void add_init(CLI::App& app, Session& session);
void add_serve(CLI::App& app, Session& session);   // serve, serve key
void add_bill(CLI::App& app, Session& session);    // bill report
void add_report(CLI::App& app, Session& session);  // report
void add_doctor(CLI::App& app, Session& session);

}  // namespace leam::cli
