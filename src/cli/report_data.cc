#include "cli/report_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/artifact/manifest.h"
#include "pipeline/corpus/corpus.h"
#include "pipeline/crawl/crawl.h"
#include "pipeline/eval/eval.h"
#include "pipeline/serve/serve.h"
#include "pipeline/tokens/tokens.h"
#include "pipeline/train/train.h"

namespace leam::cli {
namespace {

// Members that may be absent (files of another version, hand-made folders) read as nothing.
const json::object* member(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v != nullptr && v->is_object() ? &v->get_object() : nullptr;
}

double number(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v != nullptr && v->is_number() ? v->to_number<double>() : 0;
}

int64_t whole(const json::object& o, std::string_view key) {
  return static_cast<int64_t>(number(o, key));
}

std::string text(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : "";
}

Amount amount(const json::object& o, std::string_view key) {
  const json::object* a = member(o, key);
  if (a == nullptr) return {};
  return {whole(*a, "documents"), whole(*a, "chars")};
}

Dropped dropped(const json::object& o, std::string_view key) {
  Dropped out;
  const json::object* rules = member(o, key);
  if (rules == nullptr) return out;
  for (const auto& [name, value] : *rules) {
    if (value.is_object()) out.emplace_back(std::string(name), amount(*rules, name));
    if (value.is_number()) out.emplace_back(std::string(name), Amount{whole(*rules, name), 0});
  }
  std::erase_if(out, [](const auto& d) { return d.second.documents == 0; });
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.second.documents > b.second.documents; });
  return out;
}

CorpusLanguage corpus_language(std::string lang, const json::object& o) {
  CorpusLanguage l;
  l.lang = std::move(lang);
  l.in = amount(o, "in");
  l.kept = amount(o, "available");
  l.heldout = amount(o, "heldout");
  l.epochs = number(o, "epochs");
  l.dropped = dropped(o, "dropped");
  return l;
}

CorpusReport corpus_report(const artifact::Manifest& m) {
  CorpusReport r;
  if (const json::object* languages = member(m.counts, "languages")) {
    for (const auto& [name, value] : *languages) {
      if (value.is_object()) r.languages.push_back(corpus_language(std::string(name), value.get_object()));
    }
  }
  for (const CorpusLanguage& l : r.languages) {
    r.all.in += l.in;
    r.all.kept += l.kept;
    r.all.heldout += l.heldout;
  }
  r.all.dropped = dropped(m.counts, "rules");
  std::stable_sort(r.languages.begin(), r.languages.end(),
                   [](const CorpusLanguage& a, const CorpusLanguage& b) { return a.in.chars > b.in.chars; });
  return r;
}

Result<json::value> read_json(const Env& env, const std::string& path) {
  json::value v = LEAM_TRY(parse_json(LEAM_TRY(env.read_file(path)), path));
  if (!v.is_object()) return Error(ErrorCode::kCorrupt, "cli.report", path + " is not a JSON object");
  return v;
}

Result<void> read_curve(const Env& env, const std::string& path, TrainReport& r) {
  if (!env.exists(path)) return {};
  std::istringstream lines(LEAM_TRY(env.read_file(path)));
  std::string line;
  while (std::getline(lines, line)) {
    const auto v = parse_json(line, path);
    if (!v.ok() || !v->is_object()) continue;  // the last line of a run that was killed
    const double loss = number(v->get_object(), "loss");
    if (loss <= 0) continue;
    r.curve_tokens.push_back(number(v->get_object(), "tokens"));
    r.curve_loss.push_back(loss);
  }
  return {};
}

Result<TrainReport> train_report(const Env& env, const std::string& folder, const artifact::Manifest& m) {
  TrainReport r;
  r.parameters = whole(m.counts, "parameters");
  r.steps = whole(m.counts, "steps");
  r.tokens = whole(m.counts, "tokens");
  const std::string config = path_join(folder, "config.json");
  if (env.exists(config)) {
    const json::value v = LEAM_TRY(read_json(env, config));
    const json::object& o = v.get_object();
    r.layers = whole(o, "num_hidden_layers");
    r.width = whole(o, "hidden_size");
    r.heads = whole(o, "num_attention_heads");
    r.context = whole(o, "max_position_embeddings");
    r.dtype = text(o, "dtype").empty() ? text(o, "torch_dtype") : text(o, "dtype");
  }
  const std::string run = path_join(folder, artifact::kRunFolder), record = path_join(run, "record.json");
  if (env.exists(record)) {
    const json::value v = LEAM_TRY(read_json(env, record));
    const json::object& o = v.get_object();
    r.first_loss = number(o, "first_loss");
    r.loss = number(o, "loss");
    r.seconds = number(o, "seconds");
    r.tokens_per_second = number(o, "tokens_per_second");
    r.flops_per_second = number(o, "flops_per_second");
    if (const json::object* e = member(o, "energy")) {
      r.kwh = number(*e, "kwh");
      r.grams_co2e = number(*e, "grams_co2e");
      r.measured = text(*e, "method") == "measured";
    }
    if (const json::object* c = member(o, "cost")) r.euros = number(*c, "euros");
    if (const json::object* machine = member(o, "machine")) r.cpu = text(*machine, "cpu");
  }
  LEAM_TRY(read_curve(env, path_join(run, "metrics.jsonl"), r));
  return r;
}

// What was asked: the last message of a chat, or the prompt.
std::string asked(const json::object& request) {
  const json::value* messages = request.if_contains("messages");
  if (messages == nullptr || !messages->is_array()) return text(request, "prompt");
  if (messages->get_array().empty() || !messages->get_array().back().is_object()) return "";
  return text(messages->get_array().back().get_object(), "content");
}

AnswerReport answer_report(const json::object& o) {
  AnswerReport a;
  a.endpoint = text(o, "endpoint");
  if (const json::object* request = member(o, "request")) a.prompt = asked(*request);
  const json::object* response = member(o, "response");
  if (response == nullptr) return a;
  const json::value* choices = response->if_contains("choices");
  if (choices != nullptr && choices->is_array() && !choices->get_array().empty() &&
      choices->get_array()[0].is_object()) {
    const json::object& choice = choices->get_array()[0].get_object();
    const json::object* message = member(choice, "message");
    a.text = message != nullptr ? text(*message, "content") : text(choice, "text");
    a.finish = text(choice, "finish_reason");
  }
  if (const json::object* usage = member(*response, "usage")) {
    a.prompt_tokens = whole(*usage, "prompt_tokens");
    a.completion_tokens = whole(*usage, "completion_tokens");
  }
  if (const json::object* account = member(*response, "leam")) {
    a.micro_eur = whole(*account, "cost_micro_eur");
    a.joules = number(*account, "energy_joules");
    a.grams_co2e = number(*account, "grams_co2e");
    a.seconds = number(*account, "seconds");
    a.energy_method = text(*account, "energy_method");
  }
  return a;
}

Result<std::vector<AnswerReport>> read_answers(const Env& env, const std::string& folder) {
  std::vector<AnswerReport> out;
  if (!env.is_dir(folder)) return out;
  for (const DirEntry& e : LEAM_TRY(env.list(folder, false))) {
    if (e.is_dir || !e.path.ends_with(".json")) continue;
    const json::value v = LEAM_TRY(read_json(env, path_join(folder, e.path)));
    out.push_back(answer_report(v.get_object()));
  }
  return out;
}

}  // namespace

int64_t CorpusLanguage::dropped_documents() const {
  int64_t n = 0;
  for (const auto& [rule, a] : dropped) n += a.documents;
  return n;
}

size_t CorpusReport::trained_on() const {
  return static_cast<size_t>(std::count_if(languages.begin(), languages.end(),
                                           [](const CorpusLanguage& l) { return l.kept.documents > 0; }));
}

Result<ProjectReport> read_project_report(const Env& env, const Config& config) {
  ProjectReport r;
  Section project = config.section("project"), own = config.section("report");
  r.name = project.string("name", "");
  r.folder = config.folder();
  if (r.name.empty()) r.name = path_base(r.folder);
  if (r.name.empty() || r.name == ".") r.name = "project";
  r.out = own.path("out", "report.html");
  const std::string answers = own.path("answers", "answers");
  LEAM_TRY(own.finish());

  const auto crawl = LEAM_TRY(crawl::Config::from(config));
  const auto corpus = LEAM_TRY(corpus::Config::from(config));
  const auto tokens = LEAM_TRY(tokens::Config::from(config));
  const auto train = LEAM_TRY(train::Config::from(config));
  const auto eval = LEAM_TRY(eval::Config::from(config));
  const auto serve = LEAM_TRY(serve::Config::from(config));
  const auto made = [&](std::string stage,
                        const std::string& folder) -> Result<std::optional<artifact::Manifest>> {
    if (!env.exists(path_join(folder, artifact::kManifestName))) {
      r.missing.push_back(std::move(stage));
      return std::optional<artifact::Manifest>{};
    }
    artifact::Manifest m = LEAM_TRY(artifact::read_manifest(env, folder));
    r.lineage.push_back({std::move(stage), path_base(folder), m.made_by, m.content, m.inputs});
    return std::optional<artifact::Manifest>{std::move(m)};
  };
  if (const auto m = LEAM_TRY(made("crawl", crawl.out))) {
    r.pages = whole(m->counts, "documents");
    r.crawl_dropped = dropped(m->counts, "drops");
  }
  if (const auto m = LEAM_TRY(made("corpus", corpus.out))) r.corpus = corpus_report(*m);
  if (const auto m = LEAM_TRY(made("tokens", tokens.out)))
    r.tokens = {whole(m->counts, "vocab"), whole(m->counts, "tokens"), number(m->counts, "bytes_per_token")};
  if (const auto m = LEAM_TRY(made("train", train.out))) r.train = LEAM_TRY(train_report(env, train.out, *m));
  if (LEAM_TRY(made("eval", eval.out))) r.eval = LEAM_TRY(eval::read_evaluation(env, eval.out));
  r.answers = LEAM_TRY(read_answers(env, answers));
  if (env.exists(serve.ledger)) r.bill = LEAM_TRY(bill::report(env, serve.ledger, {}));
  return r;
}

std::string grouped(int64_t n) {
  std::string digits = std::to_string(n < 0 ? -n : n);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return (n < 0 ? "-" : "") + digits;
}

std::string rule_words(const std::string& rule) {
  std::string out = rule;
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

}  // namespace leam::cli
