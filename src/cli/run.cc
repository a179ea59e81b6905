// `leam run`: every stage in order, skipping what is fresh. `leam status`: what each would do.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/core/units.h"
#include "cli/command.h"
#include "cli/stages.h"

namespace leam::cli {
namespace {

Result<void> run_all(Session& session) {
  const Config config = LEAM_TRY(session.config());
  // A typing error in the last section should not come out after an hour in the first stage.
  for (const Stage& stage : stages()) LEAM_TRY(stage.plan(config));
  Context context = session.context(LEAM_TRY(read_project(config)).seed);
  for (const Stage& stage : stages()) {
    LEAM_TRY(run_stage(stage, config, context));
    LEAM_TRY(context.stop.check("cli.run", "finished stages are kept; run the same command again to go on"));
  }
  return {};
}

std::string would_do(artifact::StageState state) {
  switch (state) {
    case artifact::StageState::kAbsent:
      return "make it";
    case artifact::StageState::kPartial:
      return "go on";
    case artifact::StageState::kStale:
      return "make it again";
    case artifact::StageState::kFresh:
      return "nothing";
  }
  bug("unknown stage state");
}

struct Row {
  std::string stage, state, out, would, why;
  json::object counts;
};

Result<std::vector<Row>> status_rows(Session& session) {
  const Config config = LEAM_TRY(session.config());
  std::vector<Row> rows;
  std::string changed;  // the first stage upstream that would change something
  for (const Stage& stage : stages()) {
    const artifact::StagePlan plan = LEAM_TRY(stage.plan(config));
    artifact::StageStatus status = LEAM_TRY(artifact::stage_status(*session.env, plan));
    Row row{stage.name, std::string(to_string(status.state)), plan.out, would_do(status.state), status.why,
            {}};
    if (status.state == artifact::StageState::kFresh && !changed.empty()) {
      row.would = fmt::format("look again after {}", changed);
    }
    if (status.state != artifact::StageState::kFresh && changed.empty()) changed = stage.name;
    if (auto made = artifact::read_manifest(*session.env, plan.out); made.ok()) row.counts = made->counts;
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<void> print_status(Session& session, bool as_json) {
  const auto rows = LEAM_TRY(status_rows(session));
  if (as_json) {
    json::array out;
    for (const Row& r : rows) {
      out.push_back({{"stage", r.stage},
                     {"state", r.state},
                     {"out", r.out},
                     {"would", r.would},
                     {"why", r.why},
                     {"counts", r.counts}});
    }
    std::fputs(pretty_json(out).c_str(), stdout);
    return {};
  }
  size_t width = 6;
  for (const Row& r : rows) width = std::max(width, r.out.size());
  fmt::print("{:<8} {:<8} {:<{}}  {}\n", "stage", "state", "folder", width, "`leam run` would");
  for (const Row& r : rows) {
    fmt::print("{:<8} {:<8} {:<{}}  {}{}\n", r.stage, r.state, r.out, width, r.would,
               r.why.empty() ? "" : " (" + r.why + ")");
  }
  return {};
}

}  // namespace

void add_run(CLI::App& app, Session& session) {
  CLI::App* run = app.add_subcommand("run", "all stages in order; what is up to date is skipped");
  add_project_options(*run, session);
  run->callback([&session] { session.action = [&session] { return run_all(session); }; });

  CLI::App* status = app.add_subcommand("status", "what exists, what is stale, what `leam run` would do");
  add_project_options(*status, session);
  auto as_json = std::make_shared<bool>(false);
  status->add_flag("--json", *as_json, "for machines");
  status->callback([&session, as_json] {
    session.action = [&session, as_json] { return print_status(session, *as_json); };
  });
}

}  // namespace leam::cli
