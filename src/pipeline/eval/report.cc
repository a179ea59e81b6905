#include "pipeline/eval/report.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "base/artifact/html_report.h"
#include "base/artifact/plot.h"
#include "base/core/units.h"
#include "base/text/language_name.h"

namespace leam::eval {
namespace {

constexpr std::string_view kWhere = "eval.report";

double ratio(double a, double b) {
  return b > 0 ? a / b : 0;
}
double as_double(uint64_t n) {
  return static_cast<double>(n);
}

Result<uint64_t> count(const json::object& o, std::string_view key, std::string_view where) {
  const int64_t n = LEAM_TRY(json_int(o, key, where));
  if (n < 0) return Error(ErrorCode::kCorrupt, kWhere, fmt::format("{}: \"{}\" is negative", where, key));
  return static_cast<uint64_t>(n);
}

Result<const json::object*> object(const json::value& v, std::string_view where) {
  if (!v.is_object())
    return Error(ErrorCode::kCorrupt, kWhere, fmt::format("{} is not a JSON object", where));
  return &v.get_object();
}

Result<const json::array*> array(const json::object& o, std::string_view key, std::string_view where) {
  const json::value* v = o.if_contains(key);
  if (v == nullptr || !v->is_array())
    return Error(ErrorCode::kCorrupt, kWhere, fmt::format("{}: \"{}\" must be a list", where, key));
  return &v->get_array();
}

double rounded(double v) {
  return std::round(v * 1e6) / 1e6;
}

// 1234567 → "1,234,567".
std::string grouped(uint64_t n) {
  std::string digits = std::to_string(n);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string percent(double share) {
  return fmt::format("{:.0f} %", share * 100);
}

}  // namespace

double LanguageResult::bits_per_byte() const {
  return ratio(nats / std::numbers::ln2, as_double(bytes));
}
double LanguageResult::zstd_bits_per_byte() const {
  return ratio(8 * as_double(zstd_bytes), as_double(bytes));
}
double LanguageResult::nats_per_token() const {
  return ratio(nats, as_double(tokens));
}
double LanguageResult::tokens_per_byte() const {
  return ratio(as_double(tokens), as_double(bytes));
}

LanguageResult Evaluation::total() const {
  LanguageResult sum;
  for (const LanguageResult& r : languages) {
    sum.documents += r.documents;
    sum.bytes += r.bytes;
    sum.chars += r.chars;
    sum.heldout_documents += r.heldout_documents;
    sum.heldout_bytes += r.heldout_bytes;
    sum.tokens += r.tokens;
    sum.nats += r.nats;
    sum.zstd_bytes += r.zstd_bytes;
    sum.dictionary_bytes += r.dictionary_bytes;
    sum.dictionary_text_bytes += r.dictionary_text_bytes;
  }
  return sum;
}

json::object to_json(const LanguageResult& r) {
  return {{"lang", r.lang},
          {"bits_per_byte", rounded(r.bits_per_byte())},
          {"zstd_bits_per_byte", rounded(r.zstd_bits_per_byte())},
          {"nats_per_token", rounded(r.nats_per_token())},
          {"tokens_per_byte", rounded(r.tokens_per_byte())},
          {"documents", r.documents},
          {"bytes", r.bytes},
          {"chars", r.chars},
          {"tokens", r.tokens},
          {"nats", rounded(r.nats)},
          {"zstd_bytes", r.zstd_bytes},
          {"dictionary_bytes", r.dictionary_bytes},
          {"dictionary_text_bytes", r.dictionary_text_bytes},
          {"heldout_documents", r.heldout_documents},
          {"heldout_bytes", r.heldout_bytes}};
}

Result<LanguageResult> language_from_json(const json::object& o, std::string_view where) {
  LanguageResult r;
  r.lang = LEAM_TRY(json_string(o, "lang", where));
  r.documents = LEAM_TRY(count(o, "documents", where));
  r.bytes = LEAM_TRY(count(o, "bytes", where));
  r.chars = LEAM_TRY(count(o, "chars", where));
  r.tokens = LEAM_TRY(count(o, "tokens", where));
  r.nats = LEAM_TRY(json_number(o, "nats", where));
  r.zstd_bytes = LEAM_TRY(count(o, "zstd_bytes", where));
  r.dictionary_bytes = LEAM_TRY(count(o, "dictionary_bytes", where));
  r.dictionary_text_bytes = LEAM_TRY(count(o, "dictionary_text_bytes", where));
  r.heldout_documents = LEAM_TRY(count(o, "heldout_documents", where));
  r.heldout_bytes = LEAM_TRY(count(o, "heldout_bytes", where));
  return r;
}

json::object to_json(const Continuation& c) {
  return {{"lang", c.lang}, {"document", c.document}, {"prompt", c.prompt},
          {"text", c.text}, {"tokens", c.tokens},     {"ended", c.ended}};
}

Result<Continuation> continuation_from_json(const json::object& o, std::string_view where) {
  Continuation c;
  c.lang = LEAM_TRY(json_string(o, "lang", where));
  c.document = LEAM_TRY(json_string(o, "document", where));
  c.prompt = LEAM_TRY(json_string(o, "prompt", where));
  c.text = LEAM_TRY(json_string(o, "text", where));
  c.tokens = LEAM_TRY(json_int(o, "tokens", where));
  const json::value* ended = o.if_contains("ended");
  c.ended = ended != nullptr && ended->is_bool() && ended->get_bool();
  return c;
}

json::object to_json(const Evaluation& e) {
  json::array languages, continuations;
  for (const LanguageResult& r : e.languages) languages.push_back(to_json(r));
  for (const Continuation& c : e.continuations) continuations.push_back(to_json(c));
  json::object total = to_json(e.total());
  total["lang"] = "";
  return {{"format", 1},
          {"model",
           {{"parameters", e.parameters},
            {"context", e.context},
            {"vocabulary", e.vocabulary},
            {"dtype", e.dtype}}},
          {"method",
           {{"max_bytes", e.max_bytes},
            {"stride", e.stride},
            {"end_of_document", "predicted, and counted in nats and tokens"},
            {"zstd", "level 19, a dictionary a language from its training text, frame headers not counted"},
            {"temperature", e.temperature},
            {"top_p", e.top_p},
            {"seed", e.seed}}},
          {"total", std::move(total)},
          {"languages", std::move(languages)},
          {"continuations", std::move(continuations)}};
}

Result<Evaluation> read_evaluation(const Env& env, const std::string& folder) {
  const std::string path = path_join(folder, "report.json");
  const json::value v = LEAM_TRY(parse_json(LEAM_TRY(env.read_file(path)), path));
  const json::object& o = *LEAM_TRY(object(v, path));
  if (LEAM_TRY(json_int(o, "format", path)) != 1) {
    return Error(ErrorCode::kInvalid, kWhere, path + " has another format than 1",
                 "it was written by another version of leam; run leam eval again");
  }
  const auto part = [&](std::string_view key) -> Result<const json::object*> {
    const json::value* p = o.if_contains(key);
    if (p == nullptr)
      return Error(ErrorCode::kCorrupt, kWhere, fmt::format("{}: \"{}\" is missing", path, key));
    return object(*p, fmt::format("{}: \"{}\"", path, key));
  };
  Evaluation e;
  const json::object& model = *LEAM_TRY(part("model"));
  e.parameters = LEAM_TRY(json_int(model, "parameters", path));
  e.context = LEAM_TRY(json_int(model, "context", path));
  e.vocabulary = LEAM_TRY(json_int(model, "vocabulary", path));
  e.dtype = LEAM_TRY(json_string(model, "dtype", path));
  const json::object& method = *LEAM_TRY(part("method"));
  e.max_bytes = LEAM_TRY(count(method, "max_bytes", path));
  e.stride = LEAM_TRY(json_int(method, "stride", path));
  e.temperature = LEAM_TRY(json_number(method, "temperature", path));
  e.top_p = LEAM_TRY(json_number(method, "top_p", path));
  e.seed = LEAM_TRY(count(method, "seed", path));
  for (const json::value& r : *LEAM_TRY(array(o, "languages", path)))
    e.languages.push_back(LEAM_TRY(language_from_json(*LEAM_TRY(object(r, path)), path)));
  for (const json::value& c : *LEAM_TRY(array(o, "continuations", path)))
    e.continuations.push_back(LEAM_TRY(continuation_from_json(*LEAM_TRY(object(c, path)), path)));
  return e;
}

std::string to_html(const Evaluation& e) {
  const LanguageResult all = e.total();
  artifact::HtmlReport page("Evaluation",
                            fmt::format("A model of {} parameters on held-out documents in {} languages",
                                        human_count(static_cast<double>(e.parameters)), e.languages.size()));
  size_t better = 0;
  artifact::BarChart chart{.title = "Bits per byte by language",
                           .value_label = "bits per byte of UTF-8 (less is better)",
                           .series = {"model", "zstd -19 with dictionary"},
                           .colours = {0, 7}};
  artifact::Table table{.caption = "Held-out documents that were looked at",
                        .columns = {{"language", false},
                                    {"documents", true},
                                    {"bytes", true},
                                    {"tokens", true},
                                    {"tokens/byte", true},
                                    {"nats/token", true},
                                    {"bits/byte", true},
                                    {"zstd", true},
                                    {"saved", true}},
                        .total_rows = 1};
  const auto row = [&](const std::string& name, const LanguageResult& r) {
    table.rows.push_back({name, grouped(r.documents), grouped(r.bytes), grouped(r.tokens),
                          fmt::format("{:.3f}", r.tokens_per_byte()),
                          fmt::format("{:.3f}", r.nats_per_token()), fmt::format("{:.3f}", r.bits_per_byte()),
                          fmt::format("{:.3f}", r.zstd_bits_per_byte()), percent(r.saved())});
  };
  for (const LanguageResult& r : e.languages) {
    if (r.bits_per_byte() < r.zstd_bits_per_byte()) ++better;
    const std::string name = text::language_name(r.lang);
    chart.groups.push_back(
        {name,
         {r.bits_per_byte(), r.zstd_bits_per_byte()},
         {fmt::format("{:.2f}", r.bits_per_byte()), fmt::format("{:.2f}", r.zstd_bits_per_byte())}});
    row(fmt::format("{} ({})", name, r.lang), r);
  }
  row("all", all);
  page.section("At a glance");
  page.tiles({{fmt::format("{:.3f}", all.bits_per_byte()), "bits per byte",
               fmt::format("zstd -19 with dictionary: {:.3f}", all.zstd_bits_per_byte())},
              {fmt::format("{} of {}", better, e.languages.size()), "languages below zstd", ""},
              {fmt::format("{:.3f}", all.nats_per_token()), "nats per token",
               fmt::format("{:.3f} tokens per byte", all.tokens_per_byte())},
              {grouped(all.documents), "held-out documents", human_bytes(as_double(all.bytes)) + " of text"},
              {human_count(static_cast<double>(e.parameters)), "parameters",
               fmt::format("context {}, computed in {}", e.context, e.dtype)}});
  page.section("Bits per byte");
  page.paragraph(
      "How many bits the model needs for a byte of text it has never seen. The same texts compressed by zstd "
      "at level 19, with a dictionary trained on the same corpus, show what a good general compressor "
      "needs.");
  page.figure(artifact::svg(chart), "Bits per byte of held-out text, by language.");
  page.table(table);
  page.note(
      fmt::format("Up to {} of held-out text a language, chosen by hash. Every token is predicted once, the "
                  "end of the document "
                  "included, from as much of the document as the context of {} tokens holds (windows move by "
                  "{}). zstd has "
                  "one dictionary a language, made from training text of that language, and is not charged "
                  "for frame headers.",
                  human_bytes(as_double(e.max_bytes)), e.context, e.stride));
  if (!e.continuations.empty()) {
    page.section("Continuations");
    page.paragraph("The first words of held-out documents, in bold, and what the model writes next.");
    for (const Continuation& c : e.continuations) {
      page.sample(fmt::format("{} · {} tokens{}", text::language_name(c.lang), c.tokens,
                              c.ended ? ", ended by the model" : ""),
                  c.lang, c.prompt, c.text);
    }
    page.note(fmt::format("Sampled at temperature {}, top-p {}, seed {}.", e.temperature, e.top_p, e.seed));
  }
  return page.html();
}

}  // namespace leam::eval
