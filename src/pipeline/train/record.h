// What a run leaves behind for people and auditors: metrics.jsonl while it goes, record.json at its end
// (docs/formats/record.md), and the model card.
#pragma once

#include <string>

#include "base/core/power.h"
#include "pipeline/train/choice.h"

namespace leam::train {

// Time and energy of all processes that worked on a run so far, and the corrections of its length.
struct RunProgress {
  double seconds = 0;
  Energy energy;
  std::vector<learn::Horizon::Entry> horizon;

  json::object to_json() const;
  static Result<RunProgress> from_json(const json::value& v, std::string_view where);
};

// run/metrics.jsonl, one line a step.
class Metrics {
 public:
  // Keeps the lines of steps before `step`.
  static Result<Metrics> open(Env& env, const std::string& path, int64_t step);
  Result<void> add(int64_t step, const learn::StepResult& result, double rate, double tokens,
                   double tokens_per_second, double seconds);
  // Before a checkpoint: what it counts as done is on the disk.
  Result<void> sync() { return file_->sync(); }
  Result<void> close() { return file_->close(); }

 private:
  explicit Metrics(std::unique_ptr<OutFile> file) : file_(std::move(file)) {}
  std::unique_ptr<OutFile> file_;
};

struct RunSummary {
  int64_t steps = 0, tokens = 0;
  double first_loss = 0, loss = 0;  // mean nats a token: of step 0, and smoothed at the end
};

json::object record(const Config& c, const Choice& choice, const RunProgress& progress,
                    const RunSummary& summary, const artifact::Manifest* tokens,
                    const tensor::Memory& memory);
std::string model_card(const Choice& choice, const RunSummary& summary, const artifact::ShardSet& shards);

}  // namespace leam::train
