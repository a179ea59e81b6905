// Learning byte-pair merges from word counts (Sennrich, Haddow, Birch 2016, on bytes): the pair that occurs
// most often becomes a token, again and again. Of pairs that occur equally often the one with the lower
// left id, then the lower right id, comes first. So the result depends on the counts alone, and is the one
// that Hugging Face's BpeTrainer learns with the whole byte alphabet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/core/reporter.h"
#include "base/core/stop.h"
#include "pipeline/tokens/word_counts.h"

namespace leam::tokens {

struct BpeOptions {
  size_t vocab = 16384;  // tokens in all
  size_t round_to = 64;
  uint64_t min_frequency = 2;
  size_t reserved = 0;
  std::vector<std::string> special;
};

// Ids: the special tokens, the 256 bytes in the order of their printable characters, the merged tokens, the
// reserved ones. When the counts run out of pairs, there are fewer tokens, still a multiple of `round_to`
// (more reserved tokens make it up).
struct BpeVocabulary {
  struct Merge {
    uint32_t left = 0, right = 0;
  };
  std::vector<std::string> tokens;  // by id, as they stand in tokenizer.json
  std::vector<Merge> merges;        // by rank
  std::vector<uint32_t> special;    // ids of special and reserved tokens
};

// An error if `special` has an empty or doubled token, if `vocab` has no room for special tokens and bytes,
// or when stopped.
Result<BpeVocabulary> train_bpe(const WordCounts& counts, const BpeOptions& options, Reporter& reporter,
                                const StopFlag& stop);

// The file's text, as Hugging Face `tokenizers` reads it.
std::string tokenizer_json(const BpeVocabulary& vocabulary, text::Pattern pattern, bool nfc);

}  // namespace leam::tokens
