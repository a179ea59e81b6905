#include "pipeline/corpus/corpus.h"

#include <fmt/format.h>

#include "pipeline/corpus/decide.h"
#include "pipeline/corpus/leak.h"
#include "pipeline/corpus/scan.h"
#include "pipeline/corpus/write.h"

namespace leam::corpus {

Result<Config> Config::from(const leam::Config& file) {
  Config c;
  Section project = file.section("project");
  c.seed = static_cast<uint64_t>(project.integer("seed", 1, 0, INT64_MAX));
  Section s = file.section("corpus"), rules = file.section("corpus.rules");
  s.subsection("rules");
  c.documents = s.path("documents", c.documents);
  c.out = s.path("out", c.out);
  c.rules = RuleParams::from(s, rules);
  c.split = SplitParams::from(s);
  c.heldout_overlap = s.number("heldout_overlap", c.heldout_overlap, 0.05, 1);
  c.exact_duplicates = s.flag("exact_duplicates", c.exact_duplicates);
  c.near_duplicates = s.number("near_duplicates", c.near_duplicates, 0, 1);
  c.minhash.shingle = static_cast<size_t>(s.integer("shingle_words", 5, 1, 50));
  c.minhash.bands = static_cast<size_t>(s.integer("minhash_bands", 14, 1, 1000));
  c.minhash.rows = static_cast<size_t>(s.integer("minhash_rows", 8, 1, 100));
  c.mix = MixParams::from(s);
  c.max_broken = s.number("max_broken", c.max_broken, 0, 1);
  c.part_bytes = static_cast<uint64_t>(s.integer("part_mib", 256, 1, 1 << 20)) << 20;
  LEAM_TRY(s.finish());
  LEAM_TRY(rules.finish());
  return c;
}

artifact::StagePlan plan(const Config& c) {
  json::object params = c.rules.to_json();
  const auto add = [&](const json::object& more) {
    for (const auto& [key, value] : more) params[key] = value;
  };
  add(c.split.to_json());
  add({{"heldout_overlap", c.heldout_overlap},
       {"exact_duplicates", c.exact_duplicates},
       {"near_duplicates", c.near_duplicates},
       {"shingle_words", c.minhash.shingle},
       {"minhash_bands", c.minhash.bands},
       {"minhash_rows", c.minhash.rows}});
  add(c.mix.to_json());
  add({{"max_broken", c.max_broken}, {"part_bytes", c.part_bytes}, {"seed", c.seed}});
  return {.stage = "corpus",
          .out = c.out,
          .kind = "corpus",
          .format = 1,
          .params = std::move(params),
          .inputs = {{"documents", c.documents}}};
}

Result<void> run(const Config& c, Context& ctx) {
  artifact::StageWork work = LEAM_TRY(artifact::StageWork::begin(ctx.env, plan(c)));
  if (work.fresh()) {
    ctx.reporter.note(fmt::format("corpus: {} is up to date", c.out));
    return {};
  }
  const artifact::FrameSet input = LEAM_TRY(artifact::FrameSet::open(ctx.env, c.documents, "part-"));
  Scan scan = LEAM_TRY(Scan::make(c, input, work.work_folder(), ctx));
  Decision decision = LEAM_TRY(Decision::make(c, scan, ctx));
  LEAM_TRY(drop_leaks(c, input, work.work_folder(), scan, decision, ctx));
  LEAM_TRY(decision.mix(c, scan));
  for (const std::string& line : decision.table()) ctx.reporter.note(line);
  LEAM_TRY(write_parts(c, input, work.work_folder(), scan, decision, ctx));
  return work.finish(decision.counts());
}

}  // namespace leam::corpus
