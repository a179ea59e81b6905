// The report as one screen of text.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/artifact/plot.h"
#include "base/core/units.h"
#include "base/text/language_name.h"
#include "base/text/utf8.h"
#include "cli/report_data.h"

namespace leam::cli {
namespace {

struct Style {
  std::string bold, soft, good, end;
};

Style style_of(bool colour) {
  if (!colour) return {};
  return {"\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m"};
}

int columns(std::string_view text) {
  return static_cast<int>(text::count_code_points(text));
}

std::string one_line(std::string_view text) {
  std::string out;
  bool space = false;
  for (const char c : text) {
    if (c == '\n' || c == '\t' || c == '\r' || c == ' ') {
      space = !out.empty();
      continue;
    }
    if (space) out.push_back(' ');
    space = false;
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c);
  }
  return out;
}

// Breaks at spaces into lines of `width`; at most `most` lines, the last one with … if something is left out.
std::vector<std::string> wrap(const std::string& text, int width, size_t most) {
  std::vector<std::string> lines(1);
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find(' ', at);
    if (end == std::string::npos) end = text.size();
    std::string word = text.substr(at, end - at);
    at = end + 1;
    if (columns(word) > width)  // one that fits nowhere is cut
      word = std::string(text::utf8_prefix(word, static_cast<size_t>(width) - 1)) + "…";
    if (!lines.back().empty() && columns(lines.back()) + 1 + columns(word) > width) {
      if (lines.size() == most) {
        lines.back() += " …";
        return lines;
      }
      lines.emplace_back();
    }
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

// "exact duplicate 61, min chars 40": as many rules as fit into `width`, the commonest first.
std::string drops(const Dropped& dropped, int width) {
  std::string out;
  for (const auto& [rule, a] : dropped) {
    const std::string more =
        fmt::format("{}{} {}", out.empty() ? "" : ", ", rule_words(rule), grouped(a.documents));
    if (columns(out) + columns(more) > width) break;
    out += more;
  }
  return out;
}

std::string small_energy(double joules) {
  return joules < 3600 ? fmt::format("{:.2f} J", joules) : fmt::format("{:.2f} Wh", joules / 3600);
}

class Screen {
 public:
  Screen(const ProjectReport& r, int width, bool colour)
      : r_(r), width_(std::max(60, width)), s_(style_of(colour)) {}

  std::string text() {
    title();
    corpus();
    languages();
    model();
    continuations();
    answers();
    last();
    return std::move(out_);
  }

 private:
  void line(const std::string& text = "") { out_ += text + "\n"; }
  // A label in the margin and lines beside it.
  void block(std::string_view label, const std::vector<std::string>& lines) {
    for (size_t i = 0; i < lines.size(); ++i)
      line(fmt::format("{}{:<11}{}{}", s_.bold, i == 0 ? label : "", s_.end, lines[i]));
  }

  void title();
  void corpus();
  void languages();
  void model();
  void continuations();
  void answers();
  void last();

  const ProjectReport& r_;
  int width_;
  Style s_;
  std::string out_;
};

void Screen::title() {
  const int rest = width_ - columns(r_.name) - 4;
  std::string rule;
  for (int i = 0; i < rest; ++i) rule += "━";
  line();
  line(fmt::format("{}━━ {} {}{}", s_.bold, r_.name, rule, s_.end));
  line();
}

void Screen::corpus() {
  if (!r_.corpus) return;
  const CorpusLanguage& all = r_.corpus->all;
  std::vector<std::string> lines{fmt::format(
      "{} documents, {} characters → {} to train on ({} characters in {} languages), {} held out, {} "
      "dropped",
      grouped(all.in.documents), human_count(static_cast<double>(all.in.chars)), grouped(all.kept.documents),
      human_count(static_cast<double>(all.kept.chars)), r_.corpus->trained_on(),
      grouped(all.heldout.documents), grouped(all.dropped_documents()))};
  lines = wrap(lines[0], width_ - 11, 3);
  if (!all.dropped.empty()) {
    for (const std::string& l : wrap("dropped by " + drops(all.dropped, 2 * width_ - 50), width_ - 11, 2))
      lines.push_back(l);
  }
  block("corpus", lines);
  line();
}

void Screen::languages() {
  if (!r_.corpus && !r_.eval) return;
  const auto evaluated = [&](const std::string& lang) -> const eval::LanguageResult* {
    if (!r_.eval) return nullptr;
    for (const eval::LanguageResult& e : r_.eval->languages) {
      if (e.lang == lang) return &e;
    }
    return nullptr;
  };
  const int drop_width = std::clamp(width_ - 84, 0, 26);
  const bool bars = r_.eval.has_value();
  const auto row = [&](const std::string& name, const CorpusLanguage* c, const eval::LanguageResult* e) {
    std::string out = fmt::format("{:<11}", std::string(text::utf8_prefix(name, 11)));
    if (r_.corpus) {
      if (c != nullptr) {
        out += fmt::format("{:>7} {:>7} {:>8}  ", grouped(c->in.documents), grouped(c->kept.documents),
                           human_count(static_cast<double>(c->kept.chars)));
        if (drop_width > 0) {
          const std::string d = name == "all" ? "" : drops(c->dropped, drop_width);
          out += fmt::format("{}{}{}", s_.soft, d, s_.end) +
                 std::string(static_cast<size_t>(std::max(0, drop_width - columns(d)) + 2), ' ');
        }
      } else {
        out += std::string(static_cast<size_t>(26 + (drop_width > 0 ? drop_width + 2 : 0)), ' ');
      }
    }
    if (bars && e != nullptr) {
      const double share = e->bits_per_byte() / std::max(1e-9, e->zstd_bits_per_byte());
      out += fmt::format("{}{:>8.3f}{} {:>8.3f}  {}{}{} {:>4.0f} %", s_.bold, e->bits_per_byte(), s_.end,
                         e->zstd_bits_per_byte(), share < 1 ? s_.good : s_.soft,
                         artifact::text_bar(share, 16), s_.end, share * 100);
    }
    line(out);
  };
  std::string head = fmt::format("{:<11}", "language");
  if (r_.corpus) {
    head += fmt::format("{:>7} {:>7} {:>8}  ", "read", "kept", "chars");
    if (drop_width > 0) head += fmt::format("{:<{}}", "dropped by", drop_width + 2);
  }
  if (bars) head += fmt::format("{:>8} {:>8}  {}", "bits/B", "zstd", "of zstd -19 + dictionary");
  line(s_.soft + head + s_.end);
  constexpr size_t kMost = 20;  // a screen; the page has all
  size_t shown = 0, left = 0;
  std::set<std::string> seen;
  if (r_.corpus) {
    for (const CorpusLanguage& c : r_.corpus->languages) {
      seen.insert(c.lang);
      if (c.kept.documents == 0 && evaluated(c.lang) == nullptr) {
        ++left;
        continue;
      }
      if (shown++ >= kMost) {
        ++left;
        continue;
      }
      row(text::language_name(c.lang), &c, evaluated(c.lang));
    }
  }
  if (r_.eval) {
    for (const eval::LanguageResult& e : r_.eval->languages) {
      if (!seen.contains(e.lang) && shown++ < kMost) row(text::language_name(e.lang), nullptr, &e);
    }
  }
  if (left > 0) {
    Amount rest;
    for (const CorpusLanguage& c : r_.corpus->languages) {
      if (c.kept.documents == 0) rest += c.in;
    }
    line(fmt::format("{}and {} more, of which {} documents were in languages not asked for{}", s_.soft, left,
                     grouped(rest.documents), s_.end));
  }
  std::optional<eval::LanguageResult> total;
  if (r_.eval) total = r_.eval->total();
  row("all", r_.corpus ? &r_.corpus->all : nullptr, total ? &*total : nullptr);
  line();
}

void Screen::model() {
  if (r_.tokens) {
    block("tokenizer",
          {fmt::format("{} tokens, byte-level BPE, {:.2f} bytes a token; corpus packed into {} tokens",
                       grouped(r_.tokens->vocab), r_.tokens->bytes_per_token,
                       human_count(static_cast<double>(r_.tokens->tokens)))});
  }
  if (!r_.train) {
    if (r_.tokens) line();
    return;
  }
  const TrainReport& t = *r_.train;
  block("model", {fmt::format("{} parameters: {} layers, width {}, {} heads, context {}, {}",
                              human_count(static_cast<double>(t.parameters)), t.layers, t.width, t.heads,
                              t.context, t.dtype)});
  std::vector<std::string> lines{
      fmt::format("{} tokens in {}: {} tokens/s, {:.0f} GFLOP/s", human_count(static_cast<double>(t.tokens)),
                  human_seconds(t.seconds), human_count(t.tokens_per_second), t.flops_per_second * 1e-9)};
  if (t.kwh > 0) {
    lines.push_back(fmt::format("energy {:.2f} Wh, {:.2f} g CO₂e, {:.2f} cent ({})", t.kwh * 1e3,
                                t.grams_co2e, t.euros * 100, t.measured ? "measured" : "estimated"));
  }
  block("training", lines);
  if (t.curve_loss.size() > 1) {
    const int height = 5, plot = std::min(width_ - 22, 78);
    const std::vector<double>& y = t.curve_loss;
    const auto drawn = artifact::braille_plot(t.curve_tokens, y, plot, height);
    const auto [low, high] = std::minmax_element(y.begin(), y.end());
    for (int i = 0; i < height; ++i) {
      std::string label;
      if (i == 0) label = fmt::format("{:.2f}", *high);
      if (i == height - 1) label = fmt::format("{:.2f}", *low);
      line(fmt::format("{:<11}{:>6} {}│{}{}", i == 0 ? "loss" : "", label, s_.soft, s_.end,
                       drawn[static_cast<size_t>(i)]));
    }
    std::string axis;
    for (int i = 0; i < plot; ++i) axis += "─";
    const std::string end = human_count(t.curve_tokens.back()) + " tokens";
    line(fmt::format("{:<11}{:>6} {}└{}{}", "", "", s_.soft, axis, s_.end));
    line(fmt::format("{:<19}0{:>{}}", "", end, std::max(1, plot - 1)));
  }
  line();
}

void Screen::continuations() {
  if (!r_.eval || r_.eval->continuations.empty()) return;
  // One a language, of the languages with most text first.
  std::vector<const eval::Continuation*> chosen;
  const auto add = [&](const std::string& lang) {
    if (chosen.size() >= 3) return;
    const eval::Continuation* best = nullptr;
    for (const eval::Continuation& c : r_.eval->continuations) {
      if (c.lang == lang && (best == nullptr || c.tokens > best->tokens)) best = &c;
    }
    if (best != nullptr) chosen.push_back(best);
  };
  for (const char* lang : {"de", "fr", "pl"}) add(lang);
  for (const eval::LanguageResult& e : r_.eval->languages) {
    if (std::none_of(chosen.begin(), chosen.end(), [&](const auto* c) { return c->lang == e.lang; }))
      add(e.lang);
  }
  bool first = true;
  for (const eval::Continuation* c : chosen) {
    const std::string prompt = one_line(c->prompt);
    auto lines = wrap(prompt + " ▸ " + one_line(c->text), width_ - 22, 2);
    if (lines[0].starts_with(prompt)) lines[0] = s_.bold + prompt + s_.end + lines[0].substr(prompt.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      line(fmt::format("{}{:<11}{}{:<11}{}", s_.bold, first ? "it writes" : "", s_.end,
                       i == 0 ? text::language_name(c->lang) : "", lines[i]));
      first = false;
    }
  }
  line();
}

void Screen::answers() {
  for (const AnswerReport& a : r_.answers) {
    const bool chat = a.endpoint.ends_with("chat/completions");
    std::vector<std::string> lines;
    for (const std::string& l : wrap("▸ " + one_line(a.prompt), width_ - 11, 1)) lines.push_back(l);
    for (const std::string& l : wrap("◂ " + one_line(a.text), width_ - 11, 2)) lines.push_back(l);
    std::string facts = fmt::format("{} + {} tokens in {} · {} € ", a.prompt_tokens, a.completion_tokens,
                                    human_seconds(a.seconds), bill::euros(a.micro_eur));
    facts += fmt::format("· {}, {:.2g} g CO₂e ({})", small_energy(a.joules), a.grams_co2e, a.energy_method);
    lines.push_back(s_.soft + facts + s_.end);
    block(chat ? "chat" : "completion", lines);
  }
  if (r_.bill) {
    const bill::Sums& t = r_.bill->total;
    block("bill", {fmt::format("{} requests, {} + {} tokens, {} €; {} ledger rows checked, none missing",
                               t.requests, grouped(t.prompt_tokens), grouped(t.completion_tokens),
                               bill::euros(t.micro_eur), grouped(r_.bill->rows))});
  }
  if (r_.bill || !r_.answers.empty()) line();
}

void Screen::last() {
  if (!r_.missing.empty()) {
    std::string stages;
    for (const std::string& m : r_.missing) stages += (stages.empty() ? "" : ", ") + m;
    block("not yet", {stages + "   (leam run makes what is missing)"});
  }
  block("report", {r_.out + "   plots, tables and lineage, in one file"});
}

}  // namespace

std::string to_screen(const ProjectReport& r, int width, bool colour) {
  return Screen(r, width, colour).text();
}

}  // namespace leam::cli
