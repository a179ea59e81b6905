// `leam corpus explain ID`: every rule's value for one document, and what became of it.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/command.h"
#include "pipeline/corpus/corpus.h"

namespace leam::cli {

void add_corpus_tools(CLI::App& app, Session& session) {
  CLI::App* command = app.get_subcommand("corpus")->add_subcommand(
      "explain", "every rule's value for one document, and what became of it");
  auto id = std::make_shared<std::string>();
  command->add_option("ID", *id, "the document's id (32 hex digits)")->required();
  command->callback([&session, id] {
    session.action = [&session, id]() -> Result<void> {
      const corpus::Config config = LEAM_TRY(corpus::Config::from(LEAM_TRY(session.config())));
      const corpus::Explanation e = LEAM_TRY(corpus::explain(config, *session.env, *id));
      std::fputs(corpus::to_text(e).c_str(), stdout);
      return {};
    };
  });
}

}  // namespace leam::cli
