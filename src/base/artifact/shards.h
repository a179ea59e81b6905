// Token shards: what training reads. A folder of `<split>-NNNNN.tokens` files, each the ids of whole
// documents one after another (u16 or u32, little-endian, mapped and never copied as a whole), where each
// document lies, which document it was, its language and its source. Byte-level page: docs/formats/shards.md.
//
//   ShardSet set = LEAM_TRY(ShardSet::open(env, "tokens"));          // train-*.tokens, all of one tokenizer
//   std::vector<uint32_t> window(257);
//   LEAM_TRY(set.read(position, window));                            // any position in [0, tokens() - 257]
//   ShardDocument d = set.shard(0).document(7);                      // ids [d.begin, d.end) of that shard
//
// Every document ends with the tokenizer's end-of-text id, which counts as one of its tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/env.h"
#include "base/core/hash.h"

namespace leam::artifact {

inline constexpr uint32_t kShardVersion = 1;
inline constexpr const char* kShardSuffix = ".tokens";

// One document of a shard.
struct ShardDocument {
  Hash128 id;                   // the document's id in the corpus
  uint64_t begin = 0, end = 0;  // its tokens, counted from the shard's first
  uint64_t text_bytes = 0;      // UTF-8 bytes of the text that was encoded
  uint64_t text_chars = 0;      // its code points
  std::string_view lang, source;
};

// What all shards of one folder share.
struct ShardVocabulary {
  uint64_t size = 0;       // ids are below it
  Hash128 tokenizer;       // hash128 of the bytes of tokenizer.json
  uint32_t end_of_text{};  // the id that ends every document
  bool operator==(const ShardVocabulary&) const = default;
};

// One mapped shard. Immutable, safe to read from any thread; views live as long as it does.
class Shard {
 public:
  // Checks the header, the footer, and that every table lies inside the file and is in order. The ids
  // themselves are checked as they are read. Error kCorrupt names the file and the byte.
  static Result<Shard> open(const Env& env, const std::string& path);

  const std::string& path() const { return path_; }
  const ShardVocabulary& vocabulary() const { return vocabulary_; }
  uint64_t documents() const { return n_documents_; }
  uint64_t tokens() const { return n_tokens_; }
  int id_bytes() const { return id_bytes_; }  // 2 or 4

  ShardDocument document(uint64_t index) const;   // index < documents()
  uint64_t document_at(uint64_t position) const;  // the document that owns token `position` < tokens()
  uint32_t id(uint64_t position) const;           // position < tokens(); not checked against the vocabulary
  // Copies out.size() ids from `begin`. kInvalid when they reach past the end; kCorrupt, with the byte, for
  // an id outside the vocabulary.
  Result<void> read(uint64_t begin, std::span<uint32_t> out) const;
  // Reads everything: the checksum over the whole file, every id.
  Result<void> verify() const;

 private:
  Shard() = default;
  Error corrupt(uint64_t byte, const std::string& what) const;
  Result<void> check_header();
  Result<void> check_footer();
  Result<void> check_documents() const;
  Result<std::vector<std::string_view>> names(uint64_t at, uint64_t end, uint64_t* next) const;

  std::string path_;
  std::unique_ptr<MappedFile> file_;
  std::string_view bytes_;
  ShardVocabulary vocabulary_;
  int id_bytes_ = 2;
  uint64_t n_documents_ = 0, n_tokens_ = 0;
  uint64_t documents_at_ = 0;  // byte of the document table
  std::vector<std::string_view> langs_, sources_;
};

// All shards of a folder with one name before the number, as one sequence of tokens and documents.
class ShardSet {
 public:
  // `split`-*.tokens in path order. An error if there is none or if two disagree about the vocabulary.
  static Result<ShardSet> open(const Env& env, const std::string& folder, std::string_view split = "train");

  const ShardVocabulary& vocabulary() const { return shards_.front().vocabulary(); }
  size_t size() const { return shards_.size(); }
  const Shard& shard(size_t i) const { return shards_[i]; }
  uint64_t documents() const { return first_document_.back(); }
  uint64_t tokens() const { return first_token_.back(); }

  // Token `position` of all: shard and position in it. position < tokens().
  std::pair<size_t, uint64_t> locate(uint64_t position) const;
  // Document `index` of all; begin and end count over all shards. index < documents().
  ShardDocument document(uint64_t index) const;
  // The document that owns token `position` < tokens() of all.
  uint64_t document_at(uint64_t position) const;
  // Copies out.size() ids from token `begin` of all, across shard borders.
  Result<void> read(uint64_t begin, std::span<uint32_t> out) const;

 private:
  ShardSet() = default;
  std::vector<Shard> shards_;
  std::vector<uint64_t> first_token_, first_document_;  // shards + 1 entries each
};

// Writes one shard, token by token to the disk; memory is a few bytes a document. The file appears under
// its name in close(), before that it is `<path>.tmp`.
class ShardWriter {
 public:
  static Result<std::unique_ptr<ShardWriter>> create(Env& env, const std::string& path,
                                                     const ShardVocabulary& vocabulary);
  virtual ~ShardWriter() = default;
  // `document.begin` and `.end` are set by the writer; ids must be below the vocabulary's size. The caller
  // gives the end-of-text id as the last one.
  virtual Result<void> add(const ShardDocument& document, std::span<const uint32_t> ids) = 0;
  virtual Result<void> close() = 0;
  virtual uint64_t tokens() const = 0;
  virtual uint64_t documents() const = 0;
};

// "train", 3 → "train-00003.tokens"
std::string shard_name(std::string_view split, uint64_t number);

}  // namespace leam::artifact
