// The train stage: token shards → a language model in a Hugging Face folder, by [train] of leam.toml.
// What each key means and how to look at the result: docs/train.md.
#pragma once

#include <cstdint>
#include <string>

#include "base/artifact/stage.h"
#include "base/core/config.h"
#include "base/core/context.h"
#include "base/core/power.h"

namespace leam::train {

// 0 or empty: chosen by the stage.
struct Config {
  std::string tokens;  // folder of token shards with its tokenizer.json
  std::string out;

  int64_t d_model = 0, layers = 0, heads = 0, kv_heads = 0, ffn = 0, context = 0;
  int64_t batch = 0;        // sequences a step
  int64_t micro_batch = 0;  // sequences at a time
  // How long: one of these.
  int64_t steps = 0, train_tokens = 0;
  double budget = 0;  // seconds for the whole stage

  std::string dtype = "auto";      // auto, f32, bf16
  std::string optimizer = "auto";  // auto, adamw, muon
  std::string schedule = "auto";   // auto, cosine, wsd, linear
  double lr = 0;                   // peak
  double table_lr = 0;             // rate of tables and gains, relative to lr
  double weight_decay = 0.1, beta1 = 0.9, beta2 = 0.95, clip = 1.0;
  int64_t warmup = -1;                // steps; -1: chosen
  double checkpoint_interval = 60.0;  // seconds between checkpoints
  uint64_t seed = 1;                  // [project] seed

  EnergyAssumptions energy;  // [energy]

  static Result<Config> from(const leam::Config& file);
};

artifact::StagePlan plan(const Config& c);
Result<void> run(const Config& c, Context& ctx);

}  // namespace leam::train
