// What a run was decided to be, once, before its first step; kept in the work folder so that a resumed run
// is the same run.
#pragma once

#include <string>

#include "base/core/json.h"
#include "engine/learn/schedule.h"
#include "engine/learn/trainer.h"
#include "pipeline/train/train.h"

namespace leam::train {

struct Choice {
  learn::TrainerConfig trainer;
  learn::Schedule schedule;
  int64_t steps = 0;         // planned; under a budget the first estimate
  int64_t max_steps = 0;     // under a budget: never more, so that no text is read too often
  double probe_seconds = 0;  // spent on measuring this machine
  double probe_flops = 0;    // per second, as measured; 0 without a budget

  json::object to_json() const;
  static Result<Choice> from_json(const json::value& v, std::string_view where);
};

// Fills in what the user left open. Under a budget it runs a few steps to measure this machine (at most
// 2 % of the budget).
Result<Choice> choose(const Config& c, const artifact::ShardSet& shards, const tensor::Exec& exec, Env& env);

}  // namespace leam::train
