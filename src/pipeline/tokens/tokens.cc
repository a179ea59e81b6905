#include "pipeline/tokens/tokens.h"

#include <fmt/format.h>

#include "base/core/units.h"
#include "base/text/tokenizer.h"
#include "pipeline/tokens/bpe_trainer.h"
#include "pipeline/tokens/pack.h"

namespace leam::tokens {
namespace {

constexpr const char* kTokenizerName = "tokenizer.json";

uint64_t total_bytes(const std::vector<CorpusPart>& parts) {
  uint64_t bytes = 0;
  for (const CorpusPart& p : parts) bytes += p.bytes;
  return bytes;
}

Result<std::string> learn(const Config& config, const std::vector<CorpusPart>& parts, Context& context) {
  const auto pattern = text::pattern_of_name(config.pattern);
  bug_if(!pattern, "a pattern that from() let through");
  WordCounts counts;
  uint64_t done = 0;
  const FrameWalk walk{"counting words", &done, total_bytes(parts)};
  for (const CorpusPart& part : parts) {
    LEAM_TRY(walk_frames(
        part, context, walk,
        [&](size_t, std::vector<artifact::Document>&& documents) -> Result<void> {
          WordTable table;
          for (const artifact::Document& d : documents) WordCounts::count(*pattern, d.text, table);
          counts.add(table);
          return {};
        },
        [](size_t) -> Result<void> { return {}; }, static_cast<size_t>(context.pool.threads()) * 2));
  }
  if (counts.words() == 0) {
    return Error(ErrorCode::kInvalid, "tokens.train",
                 fmt::format("there is no text to learn tokens from in {}", config.corpus),
                 "look at the corpus's drops.jsonl.zst: which rule dropped the documents?");
  }
  BpeOptions options;
  options.vocab = static_cast<size_t>(config.vocab);
  options.round_to = static_cast<size_t>(config.round_to);
  options.min_frequency = static_cast<uint64_t>(config.min_frequency);
  options.reserved = static_cast<size_t>(config.reserved);
  options.special = config.special;
  const BpeVocabulary vocabulary = LEAM_TRY(train_bpe(counts, options, context.reporter, context.stop));
  context.reporter.note(fmt::format("learned {} tokens from {} different words", vocabulary.tokens.size(),
                                    human_count(static_cast<double>(counts.words()))));
  return tokenizer_json(vocabulary, *pattern, config.normalizer == "nfc");
}

}  // namespace

Result<Config> Config::from(const leam::Config& file) {
  Config c;
  Section s = file.section("tokens");
  c.corpus = s.path("corpus", c.corpus);
  c.out = s.path("out", c.out);
  c.vocab = s.integer("vocab", c.vocab, 260, 1 << 20);
  c.round_to = s.integer("round_to", c.round_to, 1, 4096);
  c.min_frequency = s.integer("min_frequency", c.min_frequency, 1, INT64_MAX);
  c.reserved = s.integer("reserved", c.reserved, 0, 4096);
  c.pattern = s.choice("pattern", c.pattern, text::pattern_names());
  c.normalizer = s.choice("normalizer", c.normalizer, {"none", "nfc"});
  c.special = s.strings("special", c.special);
  LEAM_TRY(s.finish());
  if (c.special.empty()) {
    return Error(ErrorCode::kInvalid, "tokens.config",
                 fmt::format("{}: [tokens] special is empty", file.path()),
                 "its first token ends every document: name at least one, such as \"<|endoftext|>\"");
  }
  return c;
}

artifact::StagePlan plan(const Config& config) {
  artifact::StagePlan p;
  p.stage = "tokens";
  p.out = config.out;
  p.kind = "shards";
  p.format = artifact::kShardVersion;
  json::array special;
  for (const std::string& token : config.special) special.emplace_back(token);
  p.params = {
      {"vocab", config.vocab},       {"round_to", config.round_to}, {"min_frequency", config.min_frequency},
      {"reserved", config.reserved}, {"pattern", config.pattern},   {"normalizer", config.normalizer},
      {"special", special}};
  p.inputs = {{"corpus", config.corpus}};
  return p;
}

Result<void> run(const Config& config, Context& context) {
  Env& env = context.env;
  artifact::StageWork work = LEAM_TRY(artifact::StageWork::begin(env, plan(config)));
  if (work.fresh()) {
    context.reporter.note(fmt::format("{} is up to date", config.out));
    return {};
  }
  const std::vector<CorpusPart> parts = LEAM_TRY(corpus_parts(env, config.corpus));
  const std::string tokenizer_path = path_join(config.out, kTokenizerName);
  if (!work.resumed() || !env.exists(tokenizer_path))
    LEAM_TRY(env.write_atomic(tokenizer_path, LEAM_TRY(learn(config, parts, context))));
  const text::Tokenizer tokenizer = LEAM_TRY(text::Tokenizer::load(env, tokenizer_path));
  const artifact::ShardVocabulary vocabulary = LEAM_TRY(shard_vocabulary(tokenizer, config.special.front()));
  uint64_t done = 0;
  const FrameWalk walk{"packing tokens", &done, total_bytes(parts)};
  for (const CorpusPart& part : parts) {
    const std::string path = path_join(config.out, artifact::shard_name("train", part.number));
    if (work.resumed() && env.exists(path)) {
      done += part.bytes;
      continue;
    }
    LEAM_TRY(pack_part(part, tokenizer, vocabulary, path, context, walk));
  }
  const artifact::ShardSet shards = LEAM_TRY(artifact::ShardSet::open(env, config.out));
  json::object counts = to_json(LEAM_TRY(count_languages(shards)));
  counts["vocab"] = tokenizer.vocab_size();
  counts["shards"] = shards.size();
  context.reporter.note(fmt::format("packed {} documents, {} tokens, {:.2f} bytes a token",
                                    human_count(static_cast<double>(shards.documents())),
                                    human_count(static_cast<double>(shards.tokens())),
                                    counts["bytes_per_token"].to_number<double>()));
  return work.finish(counts);
}

}  // namespace leam::tokens
