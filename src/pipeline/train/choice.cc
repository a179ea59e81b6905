#include "pipeline/train/choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/core/machine.h"

namespace leam::train {
namespace {

using learn::Decay;
using learn::OptimizerKind;
using tensor::DType;

constexpr std::string_view kWhere = "train.choice";

struct Rung {
  int64_t d_model, layers;
};
// Sizes a budget chooses from.
constexpr std::array<Rung, 8> kLadder = {
    {{128, 4}, {192, 4}, {256, 4}, {320, 5}, {384, 6}, {512, 8}, {640, 10}, {768, 12}}};
constexpr Rung kDefault = {192, 4};  // without a budget, and what the probe runs

constexpr int64_t kContext = 256;
constexpr int64_t kBatch = 16;
constexpr double kMaxEpochs = 4.0;
constexpr double kMuonTableRate = 3.0;
// Below it the next smaller rung learns more in the same time (docs/train.md has the figures).
constexpr double kTokensPerParameter = 1.5;

int64_t round_up(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

nn::DecoderConfig shape(const Config& c, Rung rung, const artifact::ShardSet& shards) {
  nn::DecoderConfig m;
  m.vocab = static_cast<int64_t>(shards.vocabulary().size);
  m.d_model = c.d_model > 0 ? c.d_model : rung.d_model;
  m.n_layers = c.layers > 0 ? c.layers : rung.layers;
  m.n_heads = c.heads;
  if (m.n_heads == 0) {
    m.n_heads = std::max<int64_t>(1, m.d_model / 64);
    while (m.d_model % m.n_heads != 0 || m.d_model / m.n_heads % 2 != 0) --m.n_heads;
  }
  m.head_dim = m.d_model / m.n_heads;
  m.n_kv_heads = c.kv_heads > 0 ? c.kv_heads : m.n_heads;
  m.ffn = c.ffn > 0 ? c.ffn : round_up(m.d_model * 8 / 3, 64);
  m.max_context = c.context > 0 ? c.context : kContext;
  m.tied = true;
  m.init_std = std::sqrt(2.0 / (5.0 * static_cast<double>(m.d_model)));  // Nguyen and Salazar, 2019
  m.bos_id = shards.vocabulary().end_of_text;
  m.eos_ids = {m.bos_id};
  return m;
}

}  // namespace

json::object Choice::to_json() const {
  const learn::TrainerConfig& t = trainer;
  json::object o;
  o["model"] = parse_json(t.model.to_json(t.compute), "model").value();
  o["dtype"] = tensor::to_string(t.compute);
  o["context"] = t.T;
  o["batch"] = t.batch;
  o["micro_batch"] = t.micro_batch;
  o["optimizer"] = t.optimizer.kind == OptimizerKind::kMuon ? "muon" : "adamw";
  o["beta1"] = t.optimizer.beta1;
  o["beta2"] = t.optimizer.beta2;
  o["weight_decay"] = t.optimizer.weight_decay;
  o["table_lr"] = t.optimizer.table_rate;
  o["clip"] = t.clip;
  o["seed"] = t.seed;
  o["lr"] = schedule.peak;
  o["floor"] = schedule.floor;
  o["warmup"] = schedule.warmup;
  o["schedule"] = schedule.decay == Decay::kCosine ? "cosine"
                  : schedule.decay == Decay::kWsd  ? "wsd"
                                                   : "linear";
  o["decay_share"] = schedule.decay_share;
  o["steps"] = steps;
  o["max_steps"] = max_steps;
  o["probe_seconds"] = probe_seconds;
  o["probe_flops_per_second"] = probe_flops;
  return o;
}

Result<Choice> Choice::from_json(const json::value& v, std::string_view where) {
  const json::object* o = v.if_object();
  const json::value* model = o == nullptr ? nullptr : o->if_contains("model");
  if (model == nullptr) return Error(ErrorCode::kCorrupt, kWhere, fmt::format("{}: model is missing", where));
  Choice c;
  learn::TrainerConfig& t = c.trainer;
  t.model = LEAM_TRY(nn::DecoderConfig::from_json(json::serialize(*model), where));
  t.compute = LEAM_TRY(json_string(*o, "dtype", where)) == "bf16" ? DType::kBF16 : DType::kF32;
  t.T = LEAM_TRY(json_int(*o, "context", where));
  t.batch = LEAM_TRY(json_int(*o, "batch", where));
  t.micro_batch = LEAM_TRY(json_int(*o, "micro_batch", where));
  if (LEAM_TRY(json_string(*o, "optimizer", where)) == "muon") t.optimizer.kind = OptimizerKind::kMuon;
  t.optimizer.beta1 = LEAM_TRY(json_number(*o, "beta1", where));
  t.optimizer.beta2 = LEAM_TRY(json_number(*o, "beta2", where));
  t.optimizer.weight_decay = LEAM_TRY(json_number(*o, "weight_decay", where));
  t.optimizer.table_rate = LEAM_TRY(json_number(*o, "table_lr", where));
  t.clip = LEAM_TRY(json_number(*o, "clip", where));
  t.seed = static_cast<uint64_t>(LEAM_TRY(json_int(*o, "seed", where)));
  c.schedule.peak = LEAM_TRY(json_number(*o, "lr", where));
  c.schedule.floor = LEAM_TRY(json_number(*o, "floor", where));
  c.schedule.warmup = LEAM_TRY(json_int(*o, "warmup", where));
  const std::string decay = LEAM_TRY(json_string(*o, "schedule", where));
  c.schedule.decay = decay == "cosine" ? Decay::kCosine : decay == "wsd" ? Decay::kWsd : Decay::kLinear;
  c.schedule.decay_share = LEAM_TRY(json_number(*o, "decay_share", where));
  c.steps = LEAM_TRY(json_int(*o, "steps", where));
  c.max_steps = LEAM_TRY(json_int(*o, "max_steps", where));
  c.probe_seconds = LEAM_TRY(json_number(*o, "probe_seconds", where));
  c.probe_flops = LEAM_TRY(json_number(*o, "probe_flops_per_second", where));
  return c;
}

namespace {

double training_flops(const learn::TrainerConfig& t) {  // a step
  return 3.0 * t.model.forward_flops(t.T) * static_cast<double>(t.batch * t.T);
}

// Floating point operations a second over whole steps of this shape: the mean of the steps within `seconds`,
// at least one after the first, which also builds what later ones reuse.
Result<double> probe(const learn::TrainerConfig& config, const artifact::ShardSet& shards,
                     const tensor::Exec& exec, Env& env, double seconds) {
  learn::Trainer trainer(config, exec);
  trainer.parameters().init(config.seed, exec);
  const auto order = LEAM_TRY(learn::DataOrder::create(shards, config.T, config.seed));
  int64_t start = env.monotonic_ns(), counted = 0;
  const auto since = [&] { return static_cast<double>(env.monotonic_ns() - start) * 1e-9; };
  for (int64_t step = 0; counted < 1 || since() < seconds; ++step) {
    LEAM_TRY(trainer.step(order, step, 1e-4));
    if (step == 0) {
      seconds = std::max(0.0, seconds - since());
      start = env.monotonic_ns();
    } else {
      ++counted;
    }
  }
  return static_cast<double>(counted) * training_flops(config) / since();
}

learn::TrainerConfig with_shape(learn::TrainerConfig t, const Config& c, Rung rung,
                                const artifact::ShardSet& shards) {
  t.model = shape(c, rung, shards);
  return t;
}

// Steps that fit the budget at `flops` a second.
double fitting_steps(const learn::TrainerConfig& t, double flops, double seconds) {
  return seconds * flops / training_flops(t);
}

}  // namespace

Result<Choice> choose(const Config& c, const artifact::ShardSet& shards, const tensor::Exec& exec, Env& env) {
  Choice choice;
  learn::TrainerConfig& t = choice.trainer;
  const Machine machine = this_machine();
  const bool fast_bf16 = machine.avx512_bf16 || machine.amx_bf16;
  t.compute = c.dtype == "bf16" || (c.dtype == "auto" && fast_bf16) ? DType::kBF16 : DType::kF32;
  t.T = c.context > 0 ? c.context : kContext;
  t.batch = c.batch > 0 ? c.batch : std::max<int64_t>(kBatch, c.micro_batch);
  if (c.batch == 0 && c.micro_batch > 0) t.batch = round_up(t.batch, c.micro_batch);
  t.micro_batch = c.micro_batch > 0 ? c.micro_batch : t.batch;
  t.optimizer.kind = c.optimizer == "adamw" ? OptimizerKind::kAdamW : OptimizerKind::kMuon;
  const bool muon = t.optimizer.kind == OptimizerKind::kMuon;
  t.optimizer.table_rate = c.table_lr > 0 ? c.table_lr : muon ? kMuonTableRate : 1.0;
  t.optimizer.beta1 = c.beta1;
  t.optimizer.beta2 = c.beta2;
  t.optimizer.weight_decay = c.weight_decay;
  t.clip = c.clip;
  t.seed = c.seed;
  t.model = shape(c, kDefault, shards);

  const double per_step = static_cast<double>(t.batch * t.T);
  if (c.steps > 0) {
    choice.steps = c.steps;
  } else if (c.train_tokens > 0) {
    choice.steps = static_cast<int64_t>(std::ceil(static_cast<double>(c.train_tokens) / per_step));
  } else {
    const int64_t start = env.monotonic_ns();
    choice.probe_flops = LEAM_TRY(probe(t, shards, exec, env, 0.01 * c.budget));
    choice.probe_seconds = static_cast<double>(env.monotonic_ns() - start) * 1e-9;
    const double seconds = std::max(1.0, 0.97 * c.budget - choice.probe_seconds);
    const double corpus_steps = std::ceil(kMaxEpochs * static_cast<double>(shards.tokens()) / per_step);
    choice.max_steps = static_cast<int64_t>(corpus_steps);
    if (c.d_model == 0) {
      // The largest rung that still sees enough tokens a parameter.
      for (const Rung rung : kLadder) {
        const learn::TrainerConfig bigger = with_shape(t, c, rung, shards);
        const double tokens =
            std::min(fitting_steps(bigger, choice.probe_flops, seconds), corpus_steps) * per_step;
        if (rung.d_model != kLadder[0].d_model &&
            tokens < kTokensPerParameter * static_cast<double>(bigger.model.parameter_count()))
          break;
        t.model = bigger.model;
      }
    }
    choice.steps = std::max<int64_t>(
        1, static_cast<int64_t>(std::min(fitting_steps(t, choice.probe_flops, seconds), corpus_steps)));
  }
  LEAM_TRY(t.model.check("[train]"));

  learn::Schedule& s = choice.schedule;
  s.decay = c.schedule == "cosine" ? Decay::kCosine : c.schedule == "linear" ? Decay::kLinear : Decay::kWsd;
  s.peak = c.lr > 0 ? c.lr : 3e-3 * std::sqrt(256.0 / static_cast<double>(t.model.d_model));
  s.warmup = c.warmup >= 0 ? c.warmup : std::clamp<int64_t>(choice.steps / 20, 1, 200);
  return choice;
}

}  // namespace leam::train
