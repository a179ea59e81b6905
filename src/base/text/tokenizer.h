// Text to token ids and back, by a Hugging Face tokenizer.json, with the very ids that Hugging Face's own
// library gives.
//
//   Tokenizer t = LEAM_TRY(Tokenizer::load(env, "model/tokenizer.json"));   // or a model folder
//   std::vector<TokenId> ids = t.encode("Grüß Gott");
//   std::string text = t.decode(ids);
//
// Read: byte-level BPE with the pre-tokenizers ByteLevel (GPT-2) and Split + ByteLevel (Llama 3, GPT-4,
// Qwen 2 …, digit rules), normalizer NFC or none, added and special tokens, ByteLevel or TemplateProcessing
// post-processor, ByteLevel decoder. Anything else in the file is an error that names it;
// docs/formats/tokenizer.md has the list.
//
// Text that is not UTF-8: each broken sequence is read as U+FFFD, as Python's and Rust's lossy decoding do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/env.h"
#include "base/core/hash.h"
#include "base/core/result.h"

namespace leam::text {

using TokenId = uint32_t;

// Bytes of text that one call encodes; more is a bug of the caller.
inline constexpr size_t kMaxText = size_t{1} << 30;

struct EncodeOptions {
  // The tokens that the file's post-processor puts around a text (such as a begin-of-text).
  bool add_special = true;
  // A special token written out in the text ("<|im_end|>") becomes that token. False: it is text like any
  // other. Text that users send should be encoded with false, so that nobody can forge a turn of the chat.
  bool parse_special = true;
};

// A token's bytes [begin, end) of the source text; empty for a token that was put in.
struct TokenSpan {
  uint64_t begin = 0, end = 0;
  bool operator==(const TokenSpan&) const = default;
};

struct Encoding {
  std::vector<TokenId> ids;
  std::vector<TokenSpan> spans;  // one for each id
};

// A token of the "added_tokens" list.
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;                 // left out by decode(skip_special)
  bool single_word = false;             // not inside a word
  bool lstrip = false, rstrip = false;  // takes the white space beside it
  bool normalized = false;              // looked for in the normalized text
};

namespace detail {
struct TokenizerData;
struct EncoderState;
}  // namespace detail

// Scratch memory and word cache of one thread's encoding; see Tokenizer::encoder().
class Encoder {
 public:
  ~Encoder();
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  // Appends the ids of `text` to `out`.
  void encode(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out);
  // The same with a span for each id.
  void encode(std::string_view text, const EncodeOptions& options, Encoding& out);

 private:
  friend class Tokenizer;
  explicit Encoder(std::shared_ptr<const detail::TokenizerData> data);
  std::shared_ptr<const detail::TokenizerData> data_;
  std::unique_ptr<detail::EncoderState> state_;
};

// Immutable and cheap to copy (copies share the vocabulary); every method may be called from any thread.
class Tokenizer {
 public:
  // `path` is a tokenizer.json or a folder that holds one.
  static Result<Tokenizer> load(const Env& env, const std::string& path);
  // `where` names the file in errors.
  static Result<Tokenizer> parse(std::string_view json, const std::string& where);

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode_spans(std::string_view text, const EncodeOptions& options = {}) const;
  // For much text on one thread: keeps its cache of words between calls. One a thread.
  Encoder encoder() const;

  // Ids outside the vocabulary stand for nothing. Bytes that are not UTF-8 after all (a model may write
  // half a character) become U+FFFD.
  std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;
  // The token's own bytes, which may be part of a character; empty for an unknown id.
  std::string_view token_bytes(TokenId id) const;
  // The token as it stands in the file: byte-level tokens in the printable alphabet ("Ġthe").
  std::optional<std::string> id_to_token(TokenId id) const;
  std::optional<TokenId> token_to_id(std::string_view token) const;

  // One more than the highest id, added tokens included: the rows an embedding needs.
  size_t vocab_size() const;
  const std::vector<AddedToken>& added_tokens() const;
  bool is_special(TokenId id) const;
  // The tokens that add_special puts before and after a text; mostly none or one.
  const std::vector<TokenId>& prefix() const;
  const std::vector<TokenId>& suffix() const;
  // hash128 of the bytes of the tokenizer.json.
  Hash128 content_hash() const;

 private:
  friend class StreamDecoder;
  explicit Tokenizer(std::shared_ptr<const detail::TokenizerData> data);
  std::shared_ptr<const detail::TokenizerData> data_;
};

// Decodes token by token for streaming: what has been returned so far, and the rest that finish() gives,
// is the decode() of all ids. Never returns part of a character: its bytes wait for the next token.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true);
  // The text that became certain with this id; often empty, always whole UTF-8 characters.
  std::string push(TokenId id);
  // What was held back: a broken end becomes U+FFFD.
  std::string finish();

 private:
  std::shared_ptr<const detail::TokenizerData> data_;
  bool skip_special_;
  std::string held_;
};

}  // namespace leam::text
