// The common life of a stage: is its output fresh, stale or half done; begin or resume; finish.
//
//   StagePlan plan = crawl::plan(config);                    // out folder, parameters, inputs
//   StageWork work = LEAM_TRY(StageWork::begin(env, plan));
//   if (work.fresh()) return …;                              // nothing to do
//   … write parts into plan.out, each atomically; skip those that exist (work.resumed()) …
//   LEAM_TRY(work.finish(counts));                           // manifest.json, .work removed
//
// begin() keeps finished parts only if they were made by the very same plan (parameters, inputs by
// content, leam's format version); otherwise the unfinished folder is emptied first.
#pragma once

#include <string>
#include <vector>

#include "base/artifact/manifest.h"

namespace leam::artifact {

struct StageInput {
  std::string name;  // "corpus", "tokenizer", or the user's own name for it
  std::string path;  // an artifact folder (its manifest's content hash counts) or a raw file or folder
};

struct StagePlan {
  std::string stage;  // "crawl"
  std::string out;    // folder
  std::string kind;   // of the manifest
  int64_t format = 1;
  json::object params;
  std::vector<StageInput> inputs;
};

enum class StageState {
  kAbsent,   // no output
  kPartial,  // begun by this very plan: will resume
  kStale,    // made from other inputs or parameters
  kFresh,    // nothing to do
};
std::string_view to_string(StageState state);

struct StageStatus {
  StageState state = StageState::kAbsent;
  std::string why;  // "input corpus changed", "parameter min_chars: 100 → 200", "input shards is missing"
};

// Does not change anything on disk. A missing input is no error here: it is said in `why`.
Result<StageStatus> stage_status(const Env& env, const StagePlan& plan);

class StageWork {
 public:
  static Result<StageWork> begin(Env& env, const StagePlan& plan);

  bool fresh() const { return fresh_; }
  bool resumed() const { return resumed_; }
  // A folder of the stage's own for state that is not part of the artifact.
  std::string work_folder() const;
  Result<void> finish(const json::object& counts);

 private:
  StageWork(Env& env, StagePlan plan) : env_(&env), plan_(std::move(plan)) {}
  Env* env_;
  StagePlan plan_;
  Manifest manifest_;
  bool fresh_ = false, resumed_ = false;
};

}  // namespace leam::artifact
