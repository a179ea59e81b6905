// The stage `eval`: how well a model predicts the held-out documents of a corpus, language by language, in
// bits per byte of UTF-8, beside zstd; and what it writes when it goes on from their first words.
// docs/eval.md has the keys, the rules and their reasons; docs/formats/report.md the files.
#pragma once

#include <cstdint>
#include <string>

#include "base/artifact/stage.h"
#include "base/core/config.h"
#include "base/core/context.h"
#include "base/core/power.h"

namespace leam::eval {

struct Config {
  std::string corpus = "corpus", model = "model", out = "eval";
  uint64_t max_bytes = 100'000;         // of held-out text a language
  uint64_t dictionary_bytes = 112'640;  // for zstd, a language
  uint64_t dictionary_text = 8u << 20;  // training text it is made from
  int64_t stride = 0;                   // tokens between two windows; 0: half of the context
  int64_t prompts = 3;                  // continuations a language
  int64_t prompt_words = 8;
  int64_t continuation = 48;  // tokens
  double temperature = 0.7, top_p = 0.9;
  std::string dtype = "auto";  // auto, f32, bf16
  uint64_t seed = 1;
  EnergyAssumptions energy;

  static Result<Config> from(const leam::Config& file);
};

artifact::StagePlan plan(const Config& c);
Result<void> run(const Config& c, Context& ctx);

// The first `words` words of a text, with what stands between them.
std::string first_words(std::string_view text, int64_t words);

}  // namespace leam::eval
