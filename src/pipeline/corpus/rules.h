// Why a document may not be trained on. Every rule has a name, a value for each document and a threshold;
// all of them are evaluated for `explain`, the first that fails is what drops.jsonl.zst records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/artifact/documents.h"
#include "base/core/config.h"
#include "pipeline/corpus/text_stats.h"

namespace leam::corpus {

// In the order in which they are asked. The names are in docs/corpus.md.
enum class Rule : uint8_t {
  kNone,
  kBroken,
  // rights
  kSecurity,
  kTdm,
  kRobots,
  kLicence,
  // language
  kLanguage,
  kLangScore,
  // length
  kMinChars,
  kMaxChars,
  kMinWords,
  // quality
  kLetters,
  kShortWords,
  kLongWords,
  kRepeatedLines,
  kRepeatedText,
  // what other documents decide
  kDuplicateId,
  kExactDuplicate,
  kNearDuplicate,
  kHeldoutCopy,
  kMix,
  kCount,
};
std::string_view rule_name(Rule rule);

struct RuleValue {
  Rule rule = Rule::kNone;
  double value = 0, threshold = 0;
  bool passes = true;
  std::string detail;
};

struct RuleParams {
  std::vector<std::string> languages;                                          // empty: any
  std::vector<std::string> security = {"public"};                              // levels that may enter
  bool honour_tdm = true;                                                      // drop what is reserved
  std::vector<std::string> robots = {"noai", "noindex", "none", "noarchive"};  // directives that keep out
  std::vector<std::string> licences;  // allowed beginnings; empty: any
  double min_lang_score = 0.3;
  int64_t min_chars = 200, max_chars = 1'000'000, min_words = 20;
  double min_letters = 0.6;                            // of the visible characters
  double min_word_length = 2.5, max_word_length = 15;  // mean over the text
  double max_repeated_lines = 0.5;  // of the lines: the names of a play's speakers may come often
  double max_repeated_text = 0.5;   // of the bytes in lines

  // Reads its keys from [corpus] and [corpus.rules].
  static RuleParams from(Section& corpus, Section& rules);
  json::object to_json() const;
};

// The 24 official languages of the European Union, ISO 639-1.
const std::vector<std::string>& eu_languages();

std::vector<RuleValue> evaluate(const RuleParams& p, const artifact::Document& d, const TextStats& s);
// Where a document came from, for people: its URL, or the file it was read from.
std::string place_of(const artifact::Document& d);
// The first that fails, or null.
const RuleValue* first_failure(const std::vector<RuleValue>& values);

// True if a robots meta or X-Robots-Tag value holds one of the directives, for whatever user agent.
bool has_directive(std::string_view robots, const std::vector<std::string>& directives);

}  // namespace leam::corpus
