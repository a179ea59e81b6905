// The report as one self-contained page.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/artifact/html_report.h"
#include "base/artifact/plot.h"
#include "base/core/units.h"
#include "base/core/version.h"
#include "base/text/language_name.h"
#include "cli/report_data.h"

namespace leam::cli {
namespace {

using artifact::BarChart;
using artifact::HtmlReport;
using artifact::LineChart;
using artifact::LineStyle;
using artifact::Series;
using artifact::Table;

std::string named(const std::string& lang) {
  const std::string name = text::language_name(lang);
  return name == lang ? name : fmt::format("{} ({})", name, lang);
}

std::string count(double n) {
  return human_count(n);
}
std::string count(int64_t n) {
  return human_count(static_cast<double>(n));
}

void glance(HtmlReport& page, const ProjectReport& r) {
  std::vector<artifact::Tile> tiles;
  if (r.corpus) {
    const CorpusLanguage& all = r.corpus->all;
    tiles.push_back(
        {grouped(all.kept.documents), "documents to train on",
         fmt::format("of {} read, {} held out", grouped(all.in.documents), grouped(all.heldout.documents))});
    tiles.push_back(
        {count(all.kept.chars), "characters", fmt::format("{} languages", r.corpus->trained_on())});
  }
  if (r.tokens)
    tiles.push_back({grouped(r.tokens->vocab), "vocabulary",
                     fmt::format("{:.2f} bytes a token", r.tokens->bytes_per_token)});
  if (r.train) {
    const TrainReport& t = *r.train;
    tiles.push_back(
        {count(t.parameters), "parameters", fmt::format("{} layers, width {}", t.layers, t.width)});
    tiles.push_back({human_seconds(t.seconds), "training",
                     fmt::format("{} tokens, {} a second", count(t.tokens), count(t.tokens_per_second))});
    tiles.push_back({fmt::format("{:.2f} Wh", t.kwh * 1e3), "energy of training",
                     fmt::format("{:.2f} g CO₂e, {}", t.grams_co2e, t.measured ? "measured" : "estimated")});
  }
  if (r.eval) {
    const eval::LanguageResult all = r.eval->total();
    tiles.push_back({fmt::format("{:.3f}", all.bits_per_byte()), "bits per byte",
                     fmt::format("zstd -19 with dictionary: {:.3f}", all.zstd_bits_per_byte())});
  }
  if (r.bill) {
    tiles.push_back({bill::euros(r.bill->total.micro_eur) + " €", "billed",
                     fmt::format("{} requests, {} tokens", r.bill->total.requests,
                                 grouped(r.bill->total.prompt_tokens + r.bill->total.completion_tokens))});
  }
  if (tiles.empty()) return;
  page.section("At a glance");
  page.tiles(tiles);
}

void corpus(HtmlReport& page, const ProjectReport& r) {
  if (!r.corpus) return;
  page.section("Corpus");
  page.paragraph(
      "Every document that was read ends in one of three ways: trained on, held out for evaluation, or "
      "dropped by a "
      "rule with a name, a value and a threshold on record.");
  BarChart chart{.title = "Characters by language",
                 .value_label = "characters",
                 .series = {"to train on", "held out", "dropped"},
                 .colours = {0, 2, 7},
                 .stacked = true};
  Table table{.caption = "Documents and characters by language",
              .columns = {{"language", false},
                          {"read", true},
                          {"trained on", true},
                          {"characters", true},
                          {"held out", true},
                          {"epochs", true},
                          {"dropped", true},
                          {"by", false}},
              .total_rows = 1};
  const auto row = [&](const std::string& name, const CorpusLanguage& l, bool sum) {
    std::string by;
    for (size_t i = 0; i < l.dropped.size() && i < 3; ++i) {
      by += fmt::format("{}{} {}", by.empty() ? "" : ", ", rule_words(l.dropped[i].first),
                        grouped(l.dropped[i].second.documents));
    }
    if (l.dropped.size() > 3) by += " …";
    if (sum) by.clear();  // the table of rules has it
    table.rows.push_back({name, grouped(l.in.documents), grouped(l.kept.documents), grouped(l.kept.chars),
                          grouped(l.heldout.documents), sum ? "" : fmt::format("{:.2f}", l.epochs),
                          grouped(l.dropped_documents()), by});
  };
  for (const CorpusLanguage& l : r.corpus->languages) {
    int64_t lost = 0;
    for (const auto& [rule, a] : l.dropped) lost += a.chars;
    if (l.kept.documents > 0) {
      chart.groups.push_back({text::language_name(l.lang),
                              {static_cast<double>(l.kept.chars), static_cast<double>(l.heldout.chars),
                               static_cast<double>(lost)},
                              {}});
    }
    row(named(l.lang), l, false);
  }
  row("all", r.corpus->all, true);
  page.figure(artifact::svg(chart), "Characters of text by language: trained on, held out, dropped.");
  page.table(table);
  if (!r.corpus->all.dropped.empty()) {
    Table rules{.caption = "What dropped documents",
                .columns = {{"rule", false}, {"documents", true}, {"characters", true}}};
    for (const auto& [rule, a] : r.corpus->all.dropped)
      rules.rows.push_back({rule_words(rule), grouped(a.documents), grouped(a.chars)});
    page.table(rules);
    page.note("Each dropped document is in corpus/drops.jsonl.zst; leam corpus explain says why.");
  }
}

void training(HtmlReport& page, const ProjectReport& r) {
  if (!r.train) return;
  const TrainReport& t = *r.train;
  page.section("Training");
  std::string text = fmt::format(
      "A decoder of the Llama class with {} parameters: {} layers, width {}, {} heads, context {}, trained "
      "in {} for "
      "{} steps on {} tokens",
      count(t.parameters), t.layers, t.width, t.heads, t.context, t.dtype, grouped(t.steps), count(t.tokens));
  if (r.tokens && r.tokens->tokens > 0) {
    text += fmt::format(", {:.2f} passes over the corpus",
                        static_cast<double>(t.tokens) / static_cast<double>(r.tokens->tokens));
  }
  text += fmt::format(". {} a second and {:.0f} GFLOP/s on {}.", count(t.tokens_per_second) + " tokens",
                      t.flops_per_second * 1e-9, t.cpu.empty() ? "this machine" : t.cpu);
  page.paragraph(text);
  if (t.curve_loss.size() < 2) return;
  LineChart chart{.title = "Loss while training", .x_label = "tokens seen", .y_label = "nats a token"};
  Series raw{"each step", t.curve_tokens, t.curve_loss, LineStyle::kFaint, 0};
  Series mean{"running mean", {}, {}, LineStyle::kLine, 0};
  // Over about a fiftieth of the run, corrected for its start.
  const double keep = 1.0 - std::min(1.0, 50.0 / static_cast<double>(t.curve_loss.size()));
  double sum = 0, weight = 0;
  for (size_t i = 0; i < t.curve_loss.size(); ++i) {
    sum = keep * sum + t.curve_loss[i];
    weight = keep * weight + 1;
    mean.x.push_back(t.curve_tokens[i]);
    mean.y.push_back(sum / weight);
  }
  chart.series = {std::move(raw), std::move(mean)};
  page.figure(artifact::svg(chart),
              "Loss on training text, nats a token: each step faint, the running mean in front.");
}

void evaluation(HtmlReport& page, const ProjectReport& r) {
  if (!r.eval) return;
  const eval::Evaluation& e = *r.eval;
  page.section("Bits per byte");
  page.paragraph(
      "How many bits the model needs for a byte of held-out text, beside zstd -19 with a dictionary trained "
      "on the "
      "same corpus: what a good general compressor needs for the same documents.");
  BarChart chart{.title = "Bits per byte by language",
                 .value_label = "bits per byte of UTF-8 (less is better)",
                 .series = {"model", "zstd -19 with dictionary"},
                 .colours = {0, 7}};
  Table table{.caption = "Held-out documents",
              .columns = {{"language", false},
                          {"documents", true},
                          {"bytes", true},
                          {"bytes/token", true},
                          {"nats/token", true},
                          {"bits/byte", true},
                          {"zstd", true},
                          {"of zstd", true}},
              .total_rows = 1};
  const auto row = [&](const std::string& name, const eval::LanguageResult& l) {
    table.rows.push_back(
        {name, grouped(static_cast<int64_t>(l.documents)), grouped(static_cast<int64_t>(l.bytes)),
         fmt::format("{:.2f}", l.tokens_per_byte() > 0 ? 1 / l.tokens_per_byte() : 0),
         fmt::format("{:.3f}", l.nats_per_token()), fmt::format("{:.3f}", l.bits_per_byte()),
         fmt::format("{:.3f}", l.zstd_bits_per_byte()), fmt::format("{:.0f} %", (1 - l.saved()) * 100)});
  };
  for (const eval::LanguageResult& l : e.languages) {
    chart.groups.push_back(
        {text::language_name(l.lang),
         {l.bits_per_byte(), l.zstd_bits_per_byte()},
         {fmt::format("{:.2f}", l.bits_per_byte()), fmt::format("{:.2f}", l.zstd_bits_per_byte())}});
    row(named(l.lang), l);
  }
  row("all", e.total());
  page.figure(artifact::svg(chart), "Bits per byte of held-out text, by language.");
  page.table(table);
  page.note(fmt::format(
      "Up to {} of held-out text a language; every token predicted once, the end of each document "
      "included. How it is counted: docs/eval.md.",
      human_bytes(static_cast<double>(e.max_bytes))));
  if (e.continuations.empty()) return;
  page.section("What it writes");
  page.paragraph("The first words of held-out documents, in bold, and how the model goes on.");
  std::set<std::string> seen;
  for (const eval::Continuation& c : e.continuations) {
    if (seen.insert(c.lang).second) page.sample(text::language_name(c.lang), c.lang, c.prompt, c.text);
  }
  page.note(
      fmt::format("Sampled at temperature {}, top-p {}, seed {}; one a language, all of them are in {}.",
                  e.temperature, e.top_p, e.seed, "eval/report.html"));
}

void answers(HtmlReport& page, const ProjectReport& r) {
  if (r.answers.empty() && !r.bill) return;
  page.section("Served and billed");
  for (const AnswerReport& a : r.answers) {
    page.sample(fmt::format("{} · {} + {} tokens in {} · {} € · {:.2f} J, {:.2g} g CO₂e ({})", a.endpoint,
                            a.prompt_tokens, a.completion_tokens, human_seconds(a.seconds),
                            bill::euros(a.micro_eur), a.joules, a.grams_co2e, a.energy_method),
                "und", a.prompt, (a.endpoint.ends_with("chat/completions") ? "\n" : "") + a.text);
  }
  if (!r.bill) return;
  Table table{.caption = "The ledger: what was used and what it costs",
              .columns = {{"month", false},
                          {"key", false},
                          {"model", false},
                          {"requests", true},
                          {"prompt tokens", true},
                          {"completion tokens", true},
                          {"EUR", true}},
              .total_rows = 1};
  const auto row = [&](const std::string& month, const std::string& key, const std::string& model,
                       const bill::Sums& s) {
    table.rows.push_back({month, key, model, grouped(s.requests), grouped(s.prompt_tokens),
                          grouped(s.completion_tokens), bill::euros(s.micro_eur)});
  };
  for (const bill::Line& l : r.bill->lines) row(l.month, l.key_name, l.model, l.sums);
  row("all", "", "", r.bill->total);
  page.table(table);
  page.note(fmt::format("{} rows, each chained to the one before by SHA-256; last chain {}.",
                        grouped(r.bill->rows), r.bill->chain.empty() ? "(empty)" : r.bill->chain));
}

void lineage(HtmlReport& page, const ProjectReport& r) {
  if (r.lineage.empty()) return;
  page.section("Lineage");
  page.paragraph(
      "Each folder names the content hashes of what it was made from, so any figure above can be followed "
      "back to the pages.");
  Table table{.caption = "Stages, their folders and their content hashes",
              .columns = {{"stage", false}, {"folder", false}, {"content", false}, {"made from", false}}};
  for (const MadeBy& m : r.lineage) {
    std::string inputs;
    for (const auto& [name, hash] : m.inputs)
      inputs += fmt::format("{}{} {}", inputs.empty() ? "" : ", ", name, hash.substr(0, 12));
    table.rows.push_back({m.stage, m.folder, m.content.substr(0, 12), inputs});
  }
  page.table(table);
}

}  // namespace

std::string to_page(const ProjectReport& r) {
  std::string subtitle = "From raw pages to a billed answer";
  if (r.corpus && r.train) {
    subtitle =
        fmt::format("{} documents in {} languages, and a model of {} parameters made from them",
                    grouped(r.corpus->all.in.documents), r.corpus->trained_on(), count(r.train->parameters));
  }
  HtmlReport page(r.name, subtitle);
  glance(page, r);
  corpus(page, r);
  training(page, r);
  evaluation(page, r);
  answers(page, r);
  lineage(page, r);
  std::string missing;
  for (const std::string& m : r.missing) missing += (missing.empty() ? "" : ", ") + m;
  if (!missing.empty()) page.footer("Not yet made: " + missing + ".");
  page.footer(fmt::format("Made by leam {} ({}).", version(), commit()));
  return page.html();
}

}  // namespace leam::cli
