#include "pipeline/tokens/pack.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "base/text/utf8.h"

namespace leam::tokens {
namespace {

// The encoded documents of one frame.
struct Packed {
  std::vector<artifact::Document> documents;  // without their text
  std::vector<artifact::ShardDocument> entries;
  std::vector<text::TokenId> ids;  // of all, one after another
  std::vector<size_t> ends;
};

Result<void> encode_frame(std::vector<artifact::Document>&& documents, text::Encoder& encoder,
                          text::TokenId end_of_text, Packed& out) {
  out = {};
  out.documents = std::move(documents);
  // Text of the corpus is text, also where it spells a special token.
  constexpr text::EncodeOptions kPlain{.add_special = false, .parse_special = false};
  for (artifact::Document& d : out.documents) {
    artifact::ShardDocument entry;
    const auto id = Hash128::from_hex(d.id);
    if (!id)
      return Error(ErrorCode::kCorrupt, "tokens.pack",
                   fmt::format("document id \"{}\" is not 32 hex digits", d.id));
    if (d.text.size() > text::kMaxText)
      return Error(ErrorCode::kInvalid, "tokens.pack", fmt::format("document {} is longer than 1 GiB", d.id));
    entry.id = *id;
    entry.text_bytes = d.text.size();
    entry.text_chars = text::count_code_points(d.text);
    encoder.encode(d.text, kPlain, out.ids);
    out.ids.push_back(end_of_text);
    out.ends.push_back(out.ids.size());
    d.text = {};
    out.entries.push_back(entry);
  }
  for (size_t i = 0; i < out.entries.size(); ++i) {
    out.entries[i].lang = out.documents[i].lang;
    out.entries[i].source = out.documents[i].source;
  }
  return {};
}

}  // namespace

Result<artifact::ShardVocabulary> shard_vocabulary(const text::Tokenizer& tokenizer,
                                                   const std::string& end_of_text) {
  const auto id = tokenizer.token_to_id(end_of_text);
  if (!id) {
    return Error(ErrorCode::kInvalid, "tokens.pack",
                 fmt::format("the tokenizer has no token \"{}\" to end a document with", end_of_text));
  }
  return artifact::ShardVocabulary{tokenizer.vocab_size(), tokenizer.content_hash(), *id};
}

Result<void> pack_part(const CorpusPart& part, const text::Tokenizer& tokenizer,
                       const artifact::ShardVocabulary& vocabulary, const std::string& path, Context& context,
                       const FrameWalk& walk) {
  auto writer = LEAM_TRY(artifact::ShardWriter::create(context.env, path, vocabulary));
  const size_t slots = static_cast<size_t>(context.pool.threads()) * 2;
  std::vector<Packed> packed(slots);
  std::vector<text::Encoder> encoders;
  for (size_t i = 0; i < slots; ++i) encoders.push_back(tokenizer.encoder());
  LEAM_TRY(walk_frames(
      part, context, walk,
      [&](size_t slot, std::vector<artifact::Document>&& documents) {
        return encode_frame(std::move(documents), encoders[slot], vocabulary.end_of_text, packed[slot]);
      },
      [&](size_t slot) -> Result<void> {
        const Packed& p = packed[slot];
        size_t begin = 0;
        for (size_t i = 0; i < p.entries.size(); ++i) {
          LEAM_TRY(writer->add(p.entries[i], std::span(p.ids).subspan(begin, p.ends[i] - begin)));
          begin = p.ends[i];
        }
        return {};
      },
      slots));
  return writer->close();
}

Result<std::map<std::string, LanguageCounts>> count_languages(const artifact::ShardSet& shards) {
  std::map<std::string, LanguageCounts> counts;
  for (uint64_t i = 0; i < shards.documents(); ++i) {
    const artifact::ShardDocument d = shards.document(i);
    LanguageCounts& c = counts[d.lang.empty() ? "und" : std::string(d.lang)];
    ++c.documents;
    c.tokens += d.end - d.begin;
    c.chars += d.text_chars;
    c.bytes += d.text_bytes;
  }
  return counts;
}

json::object to_json(const std::map<std::string, LanguageCounts>& counts) {
  LanguageCounts all;
  json::object languages;
  const auto per_token = [](uint64_t n, uint64_t tokens) {
    const double ratio = tokens > 0 ? static_cast<double>(n) / static_cast<double>(tokens) : 0;
    return std::round(ratio * 1000) / 1000;
  };
  for (const auto& [lang, c] : counts) {
    all.documents += c.documents;
    all.tokens += c.tokens;
    all.chars += c.chars;
    all.bytes += c.bytes;
    languages[lang] = json::object{{"documents", c.documents},
                                   {"tokens", c.tokens},
                                   {"chars", c.chars},
                                   {"bytes", c.bytes},
                                   {"bytes_per_token", per_token(c.bytes, c.tokens)},
                                   {"chars_per_token", per_token(c.chars, c.tokens)}};
  }
  return {{"documents", all.documents},
          {"tokens", all.tokens},
          {"chars", all.chars},
          {"bytes", all.bytes},
          {"bytes_per_token", per_token(all.bytes, all.tokens)},
          {"languages", languages}};
}

}  // namespace leam::tokens
