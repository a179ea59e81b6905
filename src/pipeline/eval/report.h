// What an evaluation found, as values; as report.json (docs/formats/report.md) and as a page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/core/env.h"
#include "base/core/json.h"

namespace leam::eval {

struct LanguageResult {
  std::string lang;
  uint64_t documents = 0, bytes = 0, chars = 0;       // looked at
  uint64_t heldout_documents = 0, heldout_bytes = 0;  // in the corpus
  uint64_t tokens = 0;                                // predicted, ends of documents included
  double nats = 0;
  uint64_t zstd_bytes = 0;
  uint64_t dictionary_bytes = 0, dictionary_text_bytes = 0;  // zstd's, and what it was made from

  double bits_per_byte() const;
  double zstd_bits_per_byte() const;
  double nats_per_token() const;
  double tokens_per_byte() const;
  // Share of zstd's bits that the model saves; negative when zstd is better.
  double saved() const { return 1 - bits_per_byte() / zstd_bits_per_byte(); }
};

struct Continuation {
  std::string lang, document;  // its id
  std::string prompt, text;
  int64_t tokens = 0;
  bool ended = false;  // the model ended it
};

struct Evaluation {
  int64_t parameters = 0, context = 0, vocabulary = 0;
  std::string dtype;  // "bf16" or "f32"
  int64_t stride = 0;
  uint64_t max_bytes = 0;
  double temperature = 0, top_p = 0;
  uint64_t seed = 0;
  std::vector<LanguageResult> languages;  // by code
  std::vector<Continuation> continuations;

  LanguageResult total() const;  // sums, `lang` empty
};

json::object to_json(const LanguageResult& r);
Result<LanguageResult> language_from_json(const json::object& o, std::string_view where);
json::object to_json(const Continuation& c);
Result<Continuation> continuation_from_json(const json::object& o, std::string_view where);

json::object to_json(const Evaluation& e);
// <folder>/report.json
Result<Evaluation> read_evaluation(const Env& env, const std::string& folder);
std::string to_html(const Evaluation& e);

}  // namespace leam::eval
