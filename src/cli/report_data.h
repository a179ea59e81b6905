// What a project folder has to tell: read from manifests, records, the evaluation and the ledger. A part
// whose stage has not run yet is absent.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/core/config.h"
#include "base/core/env.h"
#include "base/core/json.h"
#include "pipeline/bill/bill.h"
#include "pipeline/eval/report.h"

namespace leam::cli {

struct Amount {
  int64_t documents = 0, chars = 0;
  Amount& operator+=(const Amount& other) {
    documents += other.documents;
    chars += other.chars;
    return *this;
  }
};

// Rule or stage → what it dropped, most documents first.
using Dropped = std::vector<std::pair<std::string, Amount>>;

struct CorpusLanguage {
  std::string lang;
  Amount in, kept, heldout;  // kept: different documents to train on
  double epochs = 0;         // times each of them is in the corpus
  Dropped dropped;

  int64_t dropped_documents() const;
};

struct CorpusReport {
  std::vector<CorpusLanguage> languages;  // most characters first
  CorpusLanguage all;
  size_t trained_on() const;  // languages of which a document was kept
};

struct TokensReport {
  int64_t vocab = 0, tokens = 0;
  double bytes_per_token = 0;
};

struct TrainReport {
  int64_t parameters = 0, layers = 0, width = 0, heads = 0, context = 0;
  int64_t steps = 0, tokens = 0;
  double first_loss = 0, loss = 0, seconds = 0, tokens_per_second = 0, flops_per_second = 0;
  double kwh = 0, grams_co2e = 0, euros = 0;
  bool measured = false;
  std::string cpu, dtype;
  std::vector<double> curve_tokens, curve_loss;  // each step's
};

// A request to the API and its answer, as the demo and others leave them in [report] answers.
struct AnswerReport {
  std::string endpoint, prompt, text, finish;
  int64_t prompt_tokens = 0, completion_tokens = 0, micro_eur = 0;
  double joules = 0, grams_co2e = 0, seconds = 0;
  std::string energy_method;
};

struct MadeBy {  // lineage
  std::string stage, folder, made_by, content;
  std::vector<std::pair<std::string, std::string>> inputs;
};

struct ProjectReport {
  std::string name, folder, out;  // out: the HTML page
  int64_t pages = 0;              // documents the crawl found
  Dropped crawl_dropped;
  std::optional<CorpusReport> corpus;
  std::optional<TokensReport> tokens;
  std::optional<TrainReport> train;
  std::optional<eval::Evaluation> eval;
  std::vector<AnswerReport> answers;
  std::optional<bill::Report> bill;
  std::vector<MadeBy> lineage;
  std::vector<std::string> missing;  // stages that have not run
};

// Errors only for what is there and broken.
Result<ProjectReport> read_project_report(const Env& env, const Config& config);

// The same for every use: thousands separated, a rule as a person says it.
std::string grouped(int64_t n);
std::string rule_words(const std::string& rule);

// One screen of text, `width` columns; `colour` with terminal escapes.
std::string to_screen(const ProjectReport& r, int width, bool colour);
// The self-contained page.
std::string to_page(const ProjectReport& r);

}  // namespace leam::cli
