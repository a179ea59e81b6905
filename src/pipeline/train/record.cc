#include "pipeline/train/record.h"

#include <fmt/format.h>

#include <map>

#include "base/core/machine.h"
#include "base/core/units.h"
#include "base/core/version.h"

namespace leam::train {

json::object RunProgress::to_json() const {
  json::array corrections;
  for (const auto& e : horizon) corrections.push_back({e.step, e.total});
  return {{"seconds", seconds}, {"energy", energy.to_json()}, {"horizon", corrections}};
}

Result<RunProgress> RunProgress::from_json(const json::value& v, std::string_view where) {
  const auto bad = [&](std::string_view what) {
    return Error(ErrorCode::kCorrupt, "train.record", fmt::format("{}: {}", where, what),
                 "delete the model folder and train again");
  };
  if (!v.is_object()) return bad("not an object");
  const json::object& o = v.get_object();
  RunProgress p;
  p.seconds = LEAM_TRY(json_number(o, "seconds", where));
  const json::value* energy = o.if_contains("energy");
  if (energy == nullptr || !energy->is_object()) return bad("energy is missing");
  p.energy.kwh = LEAM_TRY(json_number(energy->get_object(), "kwh", where));
  p.energy.grams_co2e = LEAM_TRY(json_number(energy->get_object(), "grams_co2e", where));
  p.energy.measured = LEAM_TRY(json_string(energy->get_object(), "method", where)) == "measured";
  const json::value* horizon = o.if_contains("horizon");
  if (horizon == nullptr || !horizon->is_array()) return bad("horizon is missing");
  for (const json::value& e : horizon->get_array()) {
    if (!e.is_array() || e.get_array().size() != 2 || !e.get_array()[0].is_int64() ||
        !e.get_array()[1].is_int64())
      return bad("horizon holds something that is not a pair of steps");
    p.horizon.push_back({e.get_array()[0].get_int64(), e.get_array()[1].get_int64()});
  }
  if (p.horizon.empty() || p.horizon[0].step != 0) return bad("horizon does not start at step 0");
  return p;
}

Result<Metrics> Metrics::open(Env& env, const std::string& path, int64_t step) {
  LEAM_TRY(env.make_dirs(path_dir(path)));
  if (env.exists(path)) {
    // A kill may have cut the last line, and steps after the checkpoint are done again.
    const std::string text = LEAM_TRY(env.read_file(path));
    size_t kept = 0;
    for (int64_t lines = 0; lines < step; ++lines) {
      const size_t end = text.find('\n', kept);
      if (end == std::string::npos) break;
      kept = end + 1;
    }
    LEAM_TRY(env.truncate(path, kept));
  }
  return Metrics(LEAM_TRY(env.append_to(path)));
}

Result<void> Metrics::add(int64_t step, const learn::StepResult& result, double rate, double tokens,
                          double tokens_per_second, double seconds) {
  return file_->write(
      fmt::format("{{\"step\":{},\"tokens\":{:.0f},\"loss\":{:.6g},\"gradient_norm\":{:.6g},\"lr\":{:.6g},"
                  "\"tokens_per_second\":{:.6g},\"seconds\":{:.6g}}}\n",
                  step, tokens, result.loss, result.gradient_norm, rate, tokens_per_second, seconds));
}

json::object record(const Config& c, const Choice& choice, const RunProgress& progress,
                    const RunSummary& summary, const artifact::Manifest* tokens,
                    const tensor::Memory& memory) {
  const learn::TrainerConfig& t = choice.trainer;
  const double flops = 3.0 * t.model.forward_flops(t.T) * static_cast<double>(summary.tokens);
  json::object inputs;
  if (tokens != nullptr) inputs["tokens"] = tokens->content;
  json::object energy = progress.energy.to_json();
  energy["watts_per_cpu"] = c.energy.watts_per_cpu;
  energy["pue"] = c.energy.pue;
  energy["grams_co2e_per_kwh"] = c.energy.grams_co2e_per_kwh;
  json::object o;
  o["format"] = 1;
  o["stage"] = "train";
  o["leam"] = version();
  o["commit"] = commit();
  o["config"] = plan(c).params;
  o["run"] = choice.to_json();
  o["horizon"] = progress.to_json()["horizon"];
  o["inputs"] = std::move(inputs);
  o["machine"] = to_json(this_machine());
  o["parameters"] = t.model.parameter_count();
  o["steps"] = summary.steps;
  o["tokens"] = summary.tokens;
  o["first_loss"] = summary.first_loss;
  o["loss"] = summary.loss;
  o["flops"] = flops;
  o["seconds"] = progress.seconds;
  o["tokens_per_second"] = static_cast<double>(summary.tokens) / progress.seconds;
  o["flops_per_second"] = flops / progress.seconds;
  o["memory"] = {{"tensor_peak_bytes", memory.peak_bytes()}, {"process_peak_bytes", peak_memory_bytes()}};
  o["energy"] = std::move(energy);
  o["cost"] = {{"euros", progress.energy.kwh * c.energy.euros_per_kwh},
               {"euros_per_kwh", c.energy.euros_per_kwh},
               {"of", "energy"}};
  return o;
}

std::string model_card(const Choice& choice, const RunSummary& summary, const artifact::ShardSet& shards) {
  const learn::TrainerConfig& t = choice.trainer;
  const nn::DecoderConfig& m = t.model;
  struct Amount {
    uint64_t documents = 0, tokens = 0, bytes = 0;
  };
  std::map<std::string, Amount, std::less<>> languages;
  for (uint64_t i = 0; i < shards.documents(); ++i) {
    const artifact::ShardDocument d = shards.document(i);
    Amount& a = languages[d.lang.empty() ? "und" : std::string(d.lang)];
    ++a.documents;
    a.tokens += d.end - d.begin;
    a.bytes += d.text_bytes;
  }
  std::string text = "---\nlibrary_name: transformers\npipeline_tag: text-generation\nlanguage:\n";
  for (const auto& [lang, amount] : languages) text += "- " + lang + "\n";
  text += "---\n\n# A language model trained by leam\n\n";
  text += fmt::format(
      "A decoder of the Llama class with {} parameters: width {}, {} layers, {} heads ({} for keys and "
      "values), "
      "feed-forward {}, vocabulary {}, context {}. Weights are stored in {}, the type they were trained "
      "in.\n\n",
      human_count(static_cast<double>(m.parameter_count())), m.d_model, m.n_layers, m.n_heads, m.n_kv_heads,
      m.ffn, m.vocab, m.max_context, t.compute == tensor::DType::kBF16 ? "bfloat16" : "float32");
  text += fmt::format(
      "## Training\n\n{} steps of {} sequences of {} tokens: {} tokens, {:.2f} passes over {} tokens of "
      "text. Documents packed into one sequence do not see each other. Optimiser {}, peak rate {:.3g}, seed "
      "{}. Loss {:.3f} nats a token at the end (training text; `leam eval` measures on held-out text).\n\n",
      summary.steps, t.batch, t.T, human_count(static_cast<double>(summary.tokens)),
      static_cast<double>(summary.tokens) / static_cast<double>(shards.tokens()),
      human_count(static_cast<double>(shards.tokens())),
      t.optimizer.kind == learn::OptimizerKind::kMuon ? "Muon with AdamW" : "AdamW", choice.schedule.peak,
      t.seed, summary.loss);
  text += "| language | documents | tokens | MB of text |\n|---|---:|---:|---:|\n";
  for (const auto& [lang, a] : languages) {
    text += fmt::format("| {} | {} | {} | {:.2f} |\n", lang, a.documents, a.tokens,
                        static_cast<double>(a.bytes) * 1e-6);
  }
  text +=
      "\n## Use and limits\n\nA document begins with the end-of-text token, so a prompt does too. The model "
      "has "
      "learnt to continue text like its corpus; it was not taught to answer, and what it writes may be "
      "wrong or biased.\n\nTime, energy, cost and machine of the run are in "
      "`run/record.json`, every step in `run/metrics.jsonl`, the lineage in `manifest.json`.\n";
  return text;
}

}  // namespace leam::train
