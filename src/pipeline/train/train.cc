#include "pipeline/train/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/core/machine.h"
#include "base/core/units.h"
#include "engine/learn/checkpoint.h"
#include "engine/tensor/dispatch.h"
#include "pipeline/train/choice.h"
#include "pipeline/train/record.h"

namespace leam::train {
namespace {

constexpr std::string_view kWhere = "train";
constexpr const char* kChoice = "choice.json";
constexpr const char* kProgress = "progress.json";
constexpr const char* kCheckpoints = "checkpoints";
constexpr int64_t kCorrections = 64;  // of the length, over a run under a budget

// One run, from begin or resume to the finished folder.
class Run {
 public:
  Run(const Config& c, Context& ctx, artifact::StageWork& work, const artifact::ShardSet& shards,
      tensor::KernelChoice kernels, int64_t started)
      : c_(c),
        ctx_(ctx),
        work_(work),
        shards_(shards),
        started_(started),
        dispatch_(kernels),
        exec_{ctx.pool, memory_, dispatch_},
        meter_(ctx.env, c.energy),
        checkpoints_(ctx.env, path_join(work.work_folder(), kCheckpoints)) {}

  Result<void> go();

 private:
  Result<void> decide();
  Result<void> check_memory();
  Result<void> load_or_init();
  Result<void> train();
  Result<void> finish();

  double seconds() const {
    return before_.seconds + static_cast<double>(ctx_.env.monotonic_ns() - started_) * 1e-9;
  }
  RunProgress progress() const {
    RunProgress p = before_;
    p.seconds = seconds();
    p.energy += meter_.so_far();
    p.horizon = horizon_.entries();
    return p;
  }
  Result<void> save_progress() {
    return ctx_.env.write_atomic(path_join(work_.work_folder(), kProgress),
                                 pretty_json(progress().to_json()));
  }
  Result<void> correct_horizon(int64_t step, double seconds_a_step);
  void report(int64_t step, const learn::StepResult& result, double rate, double seconds_a_step);

  const Config& c_;
  Context& ctx_;
  artifact::StageWork& work_;
  const artifact::ShardSet& shards_;
  int64_t started_;
  tensor::Memory memory_;
  tensor::Dispatch dispatch_;
  tensor::Exec exec_;
  EnergyMeter meter_;
  learn::CheckpointWriter checkpoints_;
  Choice choice_;
  RunProgress before_;  // of earlier processes
  learn::Horizon horizon_{1};
  std::unique_ptr<learn::Trainer> trainer_;
  int64_t first_step_ = 0;
  RunSummary summary_;
  double first_loss_ = 0, loss_ = 0;  // of step 0; smoothed
};

Result<void> Run::decide() {
  const std::string choice_path = path_join(work_.work_folder(), kChoice);
  const std::string progress_path = path_join(work_.work_folder(), kProgress);
  if (ctx_.env.exists(choice_path) && ctx_.env.exists(progress_path)) {
    choice_ = LEAM_TRY(Choice::from_json(
        LEAM_TRY(parse_json(LEAM_TRY(ctx_.env.read_file(choice_path)), choice_path)), choice_path));
    before_ = LEAM_TRY(RunProgress::from_json(
        LEAM_TRY(parse_json(LEAM_TRY(ctx_.env.read_file(progress_path)), progress_path)), progress_path));
    horizon_ = learn::Horizon(before_.horizon);
    return {};
  }
  const Choice chosen = LEAM_TRY(choose(c_, shards_, exec_, ctx_.env));
  memory_.trim();
  // Read back rather than kept, so that this run and a resumed one start from the same bits.
  const std::string text = pretty_json(chosen.to_json());
  choice_ = LEAM_TRY(Choice::from_json(LEAM_TRY(parse_json(text, choice_path)), choice_path));
  horizon_ = learn::Horizon(choice_.steps);
  LEAM_TRY(ctx_.env.write_atomic(choice_path, text));
  return save_progress();
}

Result<void> Run::check_memory() {
  const learn::TrainerConfig& t = choice_.trainer;
  const learn::MemoryPlan plan = learn::plan_memory(t, ctx_.pool.threads());
  const uint64_t copy = 12 * static_cast<uint64_t>(t.model.parameter_count());
  const uint64_t need = plan.total() + copy, have = this_machine().memory_bytes;
  const auto size = [](uint64_t bytes) { return human_bytes(static_cast<double>(bytes)); };
  const std::string parts =
      fmt::format("weights {}, moments {}, gradients {}, activations {}, checkpoint {}", size(plan.weights),
                  size(plan.moments), size(plan.gradients), size(plan.activations), size(copy));
  if (have > 0 && need > have) {
    return Error(
        ErrorCode::kFull, kWhere,
        fmt::format("this run needs {} of memory and the machine has {} ({})", size(need), size(have), parts),
        "set a smaller [train] micro_batch, context or size");
  }
  ctx_.reporter.note(fmt::format(
      "model   {} parameters (width {}, {} layers, {} heads, context {}), {}, {} steps of {} tokens",
      human_count(static_cast<double>(t.model.parameter_count())), t.model.d_model, t.model.n_layers,
      t.model.n_heads, t.T, tensor::to_string(t.compute), horizon_.total(0), t.batch * t.T));
  ctx_.reporter.note(fmt::format("memory  {} ({})", size(need), parts));
  return {};
}

Result<void> Run::load_or_init() {
  trainer_ = std::make_unique<learn::Trainer>(choice_.trainer, exec_);
  const std::string newest =
      LEAM_TRY(learn::newest_checkpoint(ctx_.env, path_join(work_.work_folder(), kCheckpoints)));
  if (newest.empty()) {
    trainer_->parameters().init(choice_.trainer.seed, exec_);
    return {};
  }
  const learn::CheckpointState state = LEAM_TRY(learn::read_checkpoint(ctx_.env, newest, *trainer_));
  first_step_ = state.step;
  // Written as text: reading a JSON number back may differ in the last bit.
  const std::string path = path_join(newest, "state.json");
  first_loss_ = std::strtod(LEAM_TRY(json_string(state.more, "first_loss", path)).c_str(), nullptr);
  loss_ = std::strtod(LEAM_TRY(json_string(state.more, "loss", path)).c_str(), nullptr);
  ctx_.reporter.note(fmt::format("resume  from step {} of {}", first_step_, horizon_.total(first_step_)));
  return {};
}

// Under a budget the run's length follows the measured speed. What was decided before a kill stays decided.
Result<void> Run::correct_horizon(int64_t step, double seconds_a_step) {
  if (c_.budget <= 0 || step <= horizon_.entries().back().step || step < first_step_ + 3) return {};
  const int64_t every = std::max<int64_t>(1, horizon_.total(step) / kCorrections);
  if (step % every != 0) return {};
  const double reserve = 0.3 + 0.005 * c_.budget;  // for writing the result
  const double left = std::max(0.0, (c_.budget - reserve - seconds()) / seconds_a_step);
  // No time left: the run ends here.
  horizon_.correct(step, std::max(step, std::min(step + static_cast<int64_t>(left), choice_.max_steps)));
  return save_progress();
}

void Run::report(int64_t step, const learn::StepResult& result, double rate, double seconds_a_step) {
  const auto tokens = static_cast<double>(trainer_->tokens_per_step());
  const int64_t total = horizon_.total(step);
  const std::string extra = fmt::format("loss {:.3f}  lr {:.2e}  {} tokens/s", result.loss, rate,
                                        human_count(tokens / seconds_a_step));
  Progress p;
  p.what = "training";
  p.done = static_cast<double>(step + 1) * tokens;
  p.total = static_cast<double>(total) * tokens;
  p.unit = "tokens";
  p.extra = extra;
  p.seconds_left = static_cast<double>(total - step - 1) * seconds_a_step;
  ctx_.reporter.progress(p);
}

Result<void> Run::train() {
  const learn::DataOrder order =
      LEAM_TRY(learn::DataOrder::create(shards_, choice_.trainer.T, choice_.trainer.seed));
  Metrics metrics = LEAM_TRY(Metrics::open(
      ctx_.env, path_join(path_join(c_.out, artifact::kRunFolder), "metrics.jsonl"), first_step_));
  const auto now = [&] { return ctx_.env.monotonic_ns(); };
  const auto state = [&] {
    return json::object{{"first_loss", fmt::format("{:.17g}", first_loss_)},
                        {"loss", fmt::format("{:.17g}", loss_)}};
  };
  int64_t saved_at = now();
  double pace = 0;  // seconds a step, smoothed
  int64_t step = first_step_;
  for (; step < horizon_.total(step); ++step) {
    if (ctx_.stop.requested()) {
      LEAM_TRY(metrics.sync());
      LEAM_TRY(checkpoints_.begin(*trainer_, step, state()));
      LEAM_TRY(checkpoints_.wait());
      LEAM_TRY(save_progress());
      LEAM_TRY(metrics.close());
      return ctx_.stop.check(kWhere,
                             fmt::format("step {} is saved; the same command goes on from there", step));
    }
    const int64_t began = now();
    const double rate = choice_.schedule.rate(step, horizon_.progress(step));
    const learn::StepResult result = LEAM_TRY(trainer_->step(order, step, rate));
    const double took = static_cast<double>(now() - began) * 1e-9;
    // The first step also builds what later ones reuse.
    pace = step == first_step_       ? took
           : step == first_step_ + 1 ? std::min(pace, took)
                                     : 0.95 * pace + 0.05 * took;
    if (step == 0) first_loss_ = loss_ = result.loss;
    loss_ += 0.05 * (result.loss - loss_);
    const auto tokens = static_cast<double>(trainer_->tokens_per_step());
    LEAM_TRY(
        metrics.add(step, result, rate, static_cast<double>(step + 1) * tokens, tokens / took, seconds()));
    report(step, result, rate, pace);
    LEAM_TRY(correct_horizon(step + 1, pace));
    if (static_cast<double>(now() - saved_at) * 1e-9 >= c_.checkpoint_interval) {
      LEAM_TRY(metrics.sync());
      LEAM_TRY(checkpoints_.begin(*trainer_, step + 1, state()));
      LEAM_TRY(save_progress());
      saved_at = now();
    }
  }
  LEAM_TRY(checkpoints_.wait());
  LEAM_TRY(metrics.close());
  summary_ = {step, step * trainer_->tokens_per_step(), first_loss_, loss_};
  return {};
}

Result<void> Run::finish() {
  Env& env = ctx_.env;
  LEAM_TRY(learn::write_model(env, c_.out, trainer_->parameters()));
  const std::string tokenizer = LEAM_TRY(env.read_file(path_join(c_.tokens, "tokenizer.json")));
  LEAM_TRY(env.write_atomic(path_join(c_.out, "tokenizer.json"), tokenizer));
  const int64_t end = choice_.trainer.model.bos_id;
  LEAM_TRY(env.write_atomic(
      path_join(c_.out, "generation_config.json"),
      pretty_json(json::object{{"bos_token_id", end}, {"eos_token_id", end}, {"do_sample", true}})));
  LEAM_TRY(env.write_atomic(path_join(c_.out, "README.md"), model_card(choice_, summary_, shards_)));
  const std::string manifest = path_join(c_.tokens, artifact::kManifestName);
  artifact::Manifest tokens;
  const bool known = env.exists(manifest);
  if (known) tokens = LEAM_TRY(artifact::read_manifest(env, c_.tokens));
  const json::object o = record(c_, choice_, progress(), summary_, known ? &tokens : nullptr, memory_);
  LEAM_TRY(
      env.write_atomic(path_join(path_join(c_.out, artifact::kRunFolder), "record.json"), pretty_json(o)));
  return work_.finish({{"parameters", choice_.trainer.model.parameter_count()},
                       {"steps", summary_.steps},
                       {"tokens", summary_.tokens}});
}

Result<void> Run::go() {
  LEAM_TRY(decide());
  LEAM_TRY(check_memory());
  LEAM_TRY(load_or_init());
  LEAM_TRY(train());
  return finish();
}

}  // namespace

Result<void> run(const Config& c, Context& ctx) {
  const int64_t started = ctx.env.monotonic_ns();
  artifact::StageWork work = LEAM_TRY(artifact::StageWork::begin(ctx.env, plan(c)));
  if (work.fresh()) {
    ctx.reporter.note("model is up to date: " + c.out);
    return {};
  }
  const auto shards = LEAM_TRY(artifact::ShardSet::open(ctx.env, c.tokens));
  const std::string tokenizer = path_join(c.tokens, "tokenizer.json");
  if (hash128(LEAM_TRY(ctx.env.read_file(tokenizer))) != shards.vocabulary().tokenizer) {
    return Error(ErrorCode::kInvalid, kWhere,
                 tokenizer + " is not the tokenizer that the shards were made with",
                 "run `leam tokens` again");
  }
  const auto kernels = LEAM_TRY(tensor::kernel_choice(std::getenv("LEAM_KERNEL")));
  Run run(c, ctx, work, shards, kernels, started);
  return run.go();
}

}  // namespace leam::train
