#include "cli/stages.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/core/units.h"
#include "cli/command.h"
#include "pipeline/corpus/corpus.h"
#include "pipeline/crawl/crawl.h"
#include "pipeline/eval/eval.h"
#include "pipeline/tokens/tokens.h"
#include "pipeline/train/train.h"

namespace leam::cli {
namespace {

// A stage's Config, plan() and run() as one table entry.
template <class StageConfig>
Stage entry(std::string name, std::string summary, artifact::StagePlan (*plan)(const StageConfig&),
            Result<void> (*run)(const StageConfig&, Context&)) {
  return {std::move(name), std::move(summary),
          [plan](const Config& file) -> Result<artifact::StagePlan> {
            return plan(LEAM_TRY(StageConfig::from(file)));
          },
          [run](const Config& file, Context& context) -> Result<void> {
            return run(LEAM_TRY(StageConfig::from(file)), context);
          }};
}

// "documents 30,720 · chars 41.2 M": the plain numbers among a manifest's counts.
std::string describe_counts(const json::object& counts) {
  std::string out;
  for (const auto& [key, value] : counts) {
    if (!value.is_number()) continue;
    if (!out.empty()) out += " · ";
    out += fmt::format("{} {}", std::string_view(key),
                       value.is_double() ? fmt::format("{:.3g}", value.get_double())
                                         : human_count(value.to_number<double>()));
  }
  return out;
}

}  // namespace

const std::vector<Stage>& stages() {
  static const std::vector<Stage> all{
      entry<crawl::Config>("crawl", "pages, WARC and JSONL files → documents", crawl::plan, crawl::run),
      entry<corpus::Config>("corpus", "documents → corpus: rules, held-out split, duplicates, mix",
                            corpus::plan, corpus::run),
      entry<tokens::Config>("tokens", "corpus → tokenizer and token shards", tokens::plan, tokens::run),
      entry<train::Config>("train", "token shards → model", train::plan, train::run),
      entry<eval::Config>("eval", "model × held-out documents → report", eval::plan, eval::run),
  };
  return all;
}

Result<Project> read_project(const Config& config) {
  Section s = config.section("project");
  Project project;
  project.name = s.string("name", "");
  project.seed = static_cast<uint64_t>(s.integer("seed", 1, 0, INT64_MAX));
  LEAM_TRY(s.finish());
  return project;
}

Result<void> run_stage(const Stage& stage, const Config& config, Context& context) {
  const artifact::StagePlan plan = LEAM_TRY(stage.plan(config));
  const artifact::StageStatus status = LEAM_TRY(artifact::stage_status(context.env, plan));
  if (status.state == artifact::StageState::kFresh) {
    // Killed between its manifest and its last breath: begin() clears away what it left.
    if (context.env.exists(path_join(plan.out, artifact::kWorkFolder))) {
      LEAM_TRY(artifact::StageWork::begin(context.env, plan));
    }
    context.reporter.note(fmt::format("{:<7} up to date: {}", stage.name, plan.out));
    return {};
  }
  std::string how = status.state == artifact::StageState::kPartial ? "resuming in " : "writing ";
  how += plan.out;
  if (status.state == artifact::StageState::kStale) how += fmt::format(" again ({})", status.why);
  context.reporter.note(fmt::format("{:<7} {}", stage.name, how));
  const int64_t start = context.env.monotonic_ns();
  LEAM_TRY(stage.run(config, context));
  const double seconds = static_cast<double>(context.env.monotonic_ns() - start) * 1e-9;
  const artifact::Manifest made = LEAM_TRY(artifact::read_manifest(context.env, plan.out));
  context.reporter.note(
      fmt::format("{:<7} done in {}: {}", stage.name, human_seconds(seconds), describe_counts(made.counts)));
  return {};
}

void add_stages(CLI::App& app, Session& session) {
  for (const Stage& stage : stages()) {
    CLI::App* command = app.add_subcommand(stage.name, stage.summary);
    command->require_subcommand(0, 1);
    add_project_options(*command, session);
    command->callback([&session, &stage, command] {
      if (!command->get_subcommands().empty()) return;  // a craft such as `crawl cat` has its own action
      session.action = [&session, &stage]() -> Result<void> {
        const Config config = LEAM_TRY(session.config());
        Context context = session.context(LEAM_TRY(read_project(config)).seed);
        return run_stage(stage, config, context);
      };
    });
  }
}

}  // namespace leam::cli
