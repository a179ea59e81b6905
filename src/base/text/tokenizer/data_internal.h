// What a tokenizer.json says, in the form that encoding and decoding need. Private to this folder.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/text/tokenizer.h"
#include "base/text/tokenizer/added_tokens_internal.h"
#include "base/text/tokenizer/bpe.h"
#include "base/text/tokenizer/pretokenize.h"

namespace leam::text::detail {

// Strings by id, in one block.
class TokenTexts {
 public:
  void reserve(size_t tokens, size_t bytes);
  void set(uint32_t id, std::string_view text);  // once for each id
  bool has(uint32_t id) const { return id < spans_.size() && spans_[id].size != kNone; }
  // Empty when there is no such id.
  std::string_view operator[](uint32_t id) const {
    return has(id) ? std::string_view(block_).substr(spans_[id].begin, spans_[id].size) : std::string_view();
  }
  size_t size() const { return spans_.size(); }  // one more than the highest id

 private:
  struct Span {
    size_t begin = 0;
    uint32_t size = kNone;
  };
  std::string block_;
  std::vector<Span> spans_;
};

// The same and back: an open table of ids.
class TokenTable {
 public:
  void reserve(size_t tokens, size_t bytes);
  // False if `id` or `token` is there already.
  bool add(uint32_t id, std::string_view token);
  uint32_t find(std::string_view token) const;  // kNone
  const TokenTexts& texts() const { return texts_; }

 private:
  size_t slot_of(std::string_view token) const;  // where it is or belongs
  void grow(size_t slots);
  TokenTexts texts_;
  std::vector<uint32_t> slots_;
  size_t count_ = 0;
};

// One step of pre-tokenization before the byte level.
struct Cut {
  enum class Kind { kPattern, kEachDigit, kDigitRuns, kEachPunct, kPunctRuns };
  Kind kind = Kind::kPattern;
  Pattern pattern = Pattern::kGpt2;
};

struct TokenizerData {
  BpeModel bpe;
  TokenTable tokens;  // as in the file
  TokenTexts bytes;   // what they decode to
  std::vector<AddedToken> added;
  std::vector<bool> special;  // by id
  AddedTokenFinder in_text, in_normalized;
  bool nfc = false;
  std::vector<Cut> cuts;
  bool byte_level_regex = false, prefix_space = false;
  bool trim_spans = false, trim_keeps_prefix_space = false;
  std::vector<TokenId> prefix, suffix;
  Hash128 content;

  TokenizerData();
  ~TokenizerData();
  // Working memories that wait for Tokenizer::encode's next caller.
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<EncoderState>> idle;
};

Result<std::shared_ptr<const TokenizerData>> parse_tokenizer(std::string_view json, const std::string& where);

}  // namespace leam::text::detail
