#include <fmt/format.h>

#include "pipeline/train/train.h"

namespace leam::train {

Result<Config> Config::from(const leam::Config& file) {
  Config c;
  Section s = file.section("train");
  c.tokens = s.path("tokens", "tokens");
  c.out = s.path("out", "model");
  c.d_model = s.integer("d_model", 0, 0, 65536);
  c.layers = s.integer("layers", 0, 0, 1000);
  c.heads = s.integer("heads", 0, 0, 1024);
  c.kv_heads = s.integer("kv_heads", 0, 0, 1024);
  c.ffn = s.integer("ffn", 0, 0, 1 << 20);
  c.context = s.integer("context", 0, 0, 1 << 20);
  c.batch = s.integer("batch", 0, 0, 1 << 20);
  c.micro_batch = s.integer("micro_batch", 0, 0, 1 << 20);
  c.steps = s.integer("steps", 0, 0, int64_t{1} << 40);
  c.train_tokens = s.integer("train_tokens", 0, 0, int64_t{1} << 50);
  c.budget = s.seconds("budget", 0, 0, 1e9);
  c.dtype = s.choice("dtype", c.dtype, {"auto", "f32", "bf16"});
  c.optimizer = s.choice("optimizer", c.optimizer, {"auto", "adamw", "muon"});
  c.schedule = s.choice("schedule", c.schedule, {"auto", "cosine", "wsd", "linear"});
  c.lr = s.number("lr", 0, 0, 10);
  c.table_lr = s.number("table_lr", 0, 0, 1000);
  c.weight_decay = s.number("weight_decay", c.weight_decay, 0, 10);
  c.beta1 = s.number("beta1", c.beta1, 0, 0.99999);
  c.beta2 = s.number("beta2", c.beta2, 0, 0.99999);
  c.clip = s.number("clip", c.clip, 0, 1e6);
  c.warmup = s.integer("warmup", -1, -1, int64_t{1} << 40);
  c.checkpoint_interval = s.seconds("checkpoint_interval", c.checkpoint_interval, 0.001, 1e9);
  LEAM_TRY(s.finish());
  c.seed = static_cast<uint64_t>(file.section("project").integer("seed", 1, 0, INT64_MAX));
  c.energy = LEAM_TRY(EnergyAssumptions::from(file));

  const auto bad = [&](std::string what, std::string hint) {
    return Error(ErrorCode::kInvalid, "train.config", fmt::format("{}: [train] {}", file.path(), what),
                 std::move(hint));
  };
  const int lengths = (c.steps > 0) + (c.train_tokens > 0) + (c.budget > 0);
  if (lengths > 1) return bad("steps, train_tokens and budget exclude each other", "keep one of them");
  if (lengths == 0) c.budget = 180;
  if (c.budget > 0 && c.budget < 5) return bad("budget is below 5 seconds", "give it at least 5 s");
  if (c.batch > 0 && c.micro_batch > 0 && c.batch % c.micro_batch != 0)
    return bad(fmt::format("micro_batch {} does not divide batch {}", c.micro_batch, c.batch), "");
  if (c.d_model % 2 != 0) return bad("d_model is odd", "");
  if (c.heads > 0 && c.d_model > 0 && (c.d_model % c.heads != 0 || c.d_model / c.heads % 2 != 0))
    return bad(fmt::format("d_model {} over {} heads is not an even head width", c.d_model, c.heads), "");
  if (c.kv_heads > 0 && c.heads > 0 && c.heads % c.kv_heads != 0)
    return bad(fmt::format("kv_heads {} does not divide heads {}", c.kv_heads, c.heads), "");
  if (c.heads > 0 && c.d_model == 0) return bad("heads is set and d_model is not", "set both");
  if (c.kv_heads > 0 && c.heads == 0) return bad("kv_heads is set and heads is not", "set both");
  return c;
}

artifact::StagePlan plan(const Config& c) {
  artifact::StagePlan p;
  p.stage = "train";
  p.out = c.out;
  p.kind = "model";
  p.inputs = {{"tokens", c.tokens}};
  p.params = {{"d_model", c.d_model},
              {"layers", c.layers},
              {"heads", c.heads},
              {"kv_heads", c.kv_heads},
              {"ffn", c.ffn},
              {"context", c.context},
              {"batch", c.batch},
              {"micro_batch", c.micro_batch},
              {"steps", c.steps},
              {"train_tokens", c.train_tokens},
              {"budget", c.budget},
              {"dtype", c.dtype},
              {"optimizer", c.optimizer},
              {"schedule", c.schedule},
              {"lr", c.lr},
              {"table_lr", c.table_lr},
              {"weight_decay", c.weight_decay},
              {"beta1", c.beta1},
              {"beta2", c.beta2},
              {"clip", c.clip},
              {"warmup", c.warmup},
              {"seed", c.seed}};
  return p;
}

}  // namespace leam::train
