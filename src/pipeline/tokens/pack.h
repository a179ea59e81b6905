// Encoding a corpus into token shards.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/artifact/shards.h"
#include "base/core/context.h"
#include "base/text/tokenizer.h"
#include "pipeline/tokens/corpus_walk.h"

namespace leam::tokens {

// The vocabulary that shards of this tokenizer carry. `end_of_text` names the special token that ends a
// document.
Result<artifact::ShardVocabulary> shard_vocabulary(const text::Tokenizer& tokenizer,
                                                   const std::string& end_of_text);

// Writes `path` from one part of the corpus.
Result<void> pack_part(const CorpusPart& part, const text::Tokenizer& tokenizer,
                       const artifact::ShardVocabulary& vocabulary, const std::string& path, Context& context,
                       const FrameWalk& walk);

struct LanguageCounts {
  uint64_t documents = 0, tokens = 0, chars = 0, bytes = 0;
};
// By language, of all shards of a folder.
Result<std::map<std::string, LanguageCounts>> count_languages(const artifact::ShardSet& shards);

// For the manifest: totals, and each language with its bytes a token.
json::object to_json(const std::map<std::string, LanguageCounts>& counts);

}  // namespace leam::tokens
