// The stage `tokens`: learns a byte-level BPE from a corpus, writes it as tokenizer.json, and packs the
// corpus into token shards, one for each of its parts. Held-out documents are neither learned from nor
// packed. docs/tokens.md is the chapter for users.
#pragma once

#include <string>
#include <vector>

#include "base/artifact/stage.h"
#include "base/core/config.h"
#include "base/core/context.h"

namespace leam::tokens {

struct Config {
  std::string corpus = "corpus", out = "tokens";
  int64_t vocab = 16384;      // tokens in all, special and reserved ones included, rounded up to `round_to`
  int64_t round_to = 64;      // what the matrix units like
  int64_t min_frequency = 2;  // a pair that is rarer is not merged
  int64_t reserved = 5;       // special tokens without a meaning yet, so that none has to be added later
  std::string pattern = "llama3";   // how text is cut into words: gpt2, llama3, qwen2, gpt4o, tekken
  std::string normalizer = "none";  // none (decoding gives back every byte) or nfc
  // The first one ends every document; the others mark the turns of a chat.
  std::vector<std::string> special = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

  static Result<Config> from(const leam::Config& file);
};

artifact::StagePlan plan(const Config& config);

// Begins, resumes or does nothing. Writes tokenizer.json first, then train-NNNNN.tokens for each
// part-NNNNN.jsonl.zst; counts by language go into the manifest.
Result<void> run(const Config& config, Context& context);

}  // namespace leam::tokens
