#include "pipeline/corpus/rules.h"

#include <algorithm>
#include <array>

#include "base/core/result.h"

namespace leam::corpus {
namespace {

constexpr std::array<std::string_view, static_cast<size_t>(Rule::kCount)> kNames = {"",
                                                                                    "broken",
                                                                                    "security",
                                                                                    "tdm",
                                                                                    "robots",
                                                                                    "licence",
                                                                                    "language",
                                                                                    "lang_score",
                                                                                    "min_chars",
                                                                                    "max_chars",
                                                                                    "min_words",
                                                                                    "letters",
                                                                                    "short_words",
                                                                                    "long_words",
                                                                                    "repeated_lines",
                                                                                    "repeated_text",
                                                                                    "duplicate_id",
                                                                                    "exact_duplicate",
                                                                                    "near_duplicate",
                                                                                    "heldout_copy",
                                                                                    "mix"};

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

json::array to_array(const std::vector<std::string>& list) {
  return json::array(list.begin(), list.end());
}

}  // namespace

std::string_view rule_name(Rule rule) {
  return kNames.at(static_cast<size_t>(rule));
}

const std::vector<std::string>& eu_languages() {
  static const std::vector<std::string> all{"bg", "cs", "da", "de", "el", "en", "es", "et",
                                            "fi", "fr", "ga", "hr", "hu", "it", "lt", "lv",
                                            "mt", "nl", "pl", "pt", "ro", "sk", "sl", "sv"};
  return all;
}

RuleParams RuleParams::from(Section& corpus, Section& rules) {
  RuleParams p;
  p.languages = corpus.strings("languages", eu_languages());
  if (p.languages == std::vector<std::string>{"*"}) p.languages.clear();
  p.security = corpus.strings("security", p.security);
  p.honour_tdm = corpus.choice("tdm", "honour", {"honour", "research"}) == "honour";
  p.robots = corpus.strings("robots", p.robots);
  p.licences = corpus.strings("licences", {});
  p.min_lang_score = rules.number("min_lang_score", p.min_lang_score, 0, 1);
  p.min_chars = rules.integer("min_chars", p.min_chars, 0, INT64_MAX);
  p.max_chars = rules.integer("max_chars", p.max_chars, 1, UINT32_MAX);
  p.min_words = rules.integer("min_words", p.min_words, 0, INT64_MAX);
  p.min_letters = rules.number("min_letters", p.min_letters, 0, 1);
  p.min_word_length = rules.number("min_word_length", p.min_word_length, 0, 1000);
  p.max_word_length = rules.number("max_word_length", p.max_word_length, 1, 1000);
  p.max_repeated_lines = rules.number("max_repeated_lines", p.max_repeated_lines, 0, 1);
  p.max_repeated_text = rules.number("max_repeated_text", p.max_repeated_text, 0, 1);
  return p;
}

json::object RuleParams::to_json() const {
  return {{"languages", to_array(languages)},
          {"security", to_array(security)},
          {"tdm", honour_tdm ? "honour" : "research"},
          {"robots", to_array(robots)},
          {"licences", to_array(licences)},
          {"min_lang_score", min_lang_score},
          {"min_chars", min_chars},
          {"max_chars", max_chars},
          {"min_words", min_words},
          {"min_letters", min_letters},
          {"min_word_length", min_word_length},
          {"max_word_length", max_word_length},
          {"max_repeated_lines", max_repeated_lines},
          {"max_repeated_text", max_repeated_text}};
}

bool has_directive(std::string_view robots, const std::vector<std::string>& directives) {
  // Items are cut by commas (semicolons where headers were joined). "googlebot: noindex" speaks to one user
  // agent and counts for us too; in "max-image-preview:none" the word is a value and no directive.
  constexpr std::array<std::string_view, 4> kWithValue{"max-snippet", "max-image-preview",
                                                       "max-video-preview", "unavailable_after"};
  while (!robots.empty()) {
    const size_t end = std::min(robots.find_first_of(",;"), robots.size());
    std::string_view item = robots.substr(0, end);
    robots.remove_prefix(std::min(end + 1, robots.size()));
    while (!item.empty()) {
      const size_t stop = std::min(item.find_first_of(" \t:"), item.size());
      const std::string_view word = item.substr(0, stop);
      if (std::find(kWithValue.begin(), kWithValue.end(), word) != kWithValue.end()) break;
      if (contains(directives, word)) return true;
      item.remove_prefix(std::min(stop + 1, item.size()));
    }
  }
  return false;
}

std::vector<RuleValue> evaluate(const RuleParams& p, const artifact::Document& d, const TextStats& s) {
  std::vector<RuleValue> out;
  out.reserve(static_cast<size_t>(Rule::kRepeatedText));
  // What is a yes or no: value 1 means it is so, and 0 is what is asked for.
  const auto never = [&](Rule rule, bool so, std::string_view detail) {
    out.push_back({rule, so ? 1.0 : 0.0, 0, !so, std::string(detail)});
  };
  const auto at_least = [&](Rule rule, double value, double threshold) {
    out.push_back({rule, value, threshold, value >= threshold, ""});
  };
  const auto at_most = [&](Rule rule, double value, double threshold) {
    out.push_back({rule, value, threshold, value <= threshold, ""});
  };
  never(Rule::kSecurity, !contains(p.security, d.security), d.security);
  never(Rule::kTdm, p.honour_tdm && d.tdm == "reserved", d.tdm);
  never(Rule::kRobots, has_directive(d.robots, p.robots), d.robots);
  never(Rule::kLicence,
        !p.licences.empty() && std::none_of(p.licences.begin(), p.licences.end(),
                                            [&](const std::string& l) { return d.licence.starts_with(l); }),
        d.licence);
  never(Rule::kLanguage, !p.languages.empty() && !contains(p.languages, d.lang), d.lang);
  at_least(Rule::kLangScore, d.lang_score, p.min_lang_score);
  at_least(Rule::kMinChars, static_cast<double>(s.chars), static_cast<double>(p.min_chars));
  at_most(Rule::kMaxChars, static_cast<double>(s.chars), static_cast<double>(p.max_chars));
  at_least(Rule::kMinWords, static_cast<double>(s.words), static_cast<double>(p.min_words));
  at_least(Rule::kLetters, s.letter_share(), p.min_letters);
  at_least(Rule::kShortWords, s.mean_word_length(), p.min_word_length);
  at_most(Rule::kLongWords, s.mean_word_length(), p.max_word_length);
  at_most(Rule::kRepeatedLines, s.repeated_line_share(), p.max_repeated_lines);
  at_most(Rule::kRepeatedText, s.repeated_text_share(), p.max_repeated_text);
  return out;
}

std::string place_of(const artifact::Document& d) {
  if (!d.url.empty()) return d.url;
  const json::value* file = d.extra.if_contains("file");
  return file != nullptr && file->is_string() ? std::string(file->get_string()) : "";
}

const RuleValue* first_failure(const std::vector<RuleValue>& values) {
  const auto it = std::find_if(values.begin(), values.end(), [](const RuleValue& v) { return !v.passes; });
  return it == values.end() ? nullptr : &*it;
}

}  // namespace leam::corpus
