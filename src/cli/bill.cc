// `leam bill report`: what was used, by key, model and month, and what it costs.
#include "pipeline/bill/bill.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>

#include "cli/command.h"
#include "cli/project.h"
#include "pipeline/serve/serve.h"

namespace leam::cli {

void add_bill(CLI::App& app, Session& session) {
  struct Options {
    bill::Filter filter;
    std::optional<std::string> ledger;
    bool as_json = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* bill = app.add_subcommand("bill", "what was used and what it costs");
  bill->require_subcommand(1);
  CLI::App* report =
      bill->add_subcommand("report", "sums by key, model and month, after checking the ledger");
  add_project_options(*report, session);
  report->add_option("--ledger", o->ledger, "the ledger (default: [serve] ledger)");
  report->add_option("--month", o->filter.month, "one month only: 2026-11 (UTC)");
  report->add_option("--key", o->filter.key, "one key only, by name or id");
  report->add_option("--model", o->filter.model, "one model only");
  report->add_flag("--json", o->as_json, "for machines");
  report->callback([&session, o, report] {
    session.action = [&session, o, report]() -> Result<void> {
      const auto config = LEAM_TRY(serve::Config::from(LEAM_TRY(config_if_any(session, *report))));
      const auto r = LEAM_TRY(bill::report(*session.env, o->ledger.value_or(config.ledger), o->filter));
      std::fputs(o->as_json ? pretty_json(bill::to_json(r)).c_str() : bill::to_table(r).c_str(), stdout);
      return {};
    };
  });
}

}  // namespace leam::cli
