// The stages that turn artifacts into artifacts, in the order of the line. (serve and bill run beside
// it: they make no artifact folder.)
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/artifact/stage.h"
#include "base/core/config.h"
#include "base/core/context.h"

namespace leam::cli {

struct Stage {
  std::string name, summary;
  std::function<Result<artifact::StagePlan>(const Config&)> plan;
  std::function<Result<void>(const Config&, Context&)> run;
};

const std::vector<Stage>& stages();

// [project]: what all stages share.
struct Project {
  std::string name;
  uint64_t seed = 1;
};
Result<Project> read_project(const Config& config);

// Runs one stage as `leam <stage>` does: says what it does, how long it took and what came out.
Result<void> run_stage(const Stage& stage, const Config& config, Context& context);

}  // namespace leam::cli
