#include "base/text/tokenizer.h"

#include "base/text/tokenizer/encode_internal.h"
#include "base/text/utf8.h"

namespace leam::text {

using detail::EncoderState;
using detail::TokenizerData;

namespace {

// A borrowed working memory; it goes back for the next caller.
class Borrowed {
 public:
  explicit Borrowed(const TokenizerData& data) : data_(data) {
    const std::lock_guard lock(data_.mutex);
    if (!data_.idle.empty()) {
      state_ = std::move(data_.idle.back());
      data_.idle.pop_back();
    }
  }
  ~Borrowed() {
    const std::lock_guard lock(data_.mutex);
    data_.idle.push_back(std::move(state_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  EncoderState& get() {
    if (state_ == nullptr) state_ = std::make_unique<EncoderState>();
    return *state_;
  }

 private:
  const TokenizerData& data_;
  std::unique_ptr<EncoderState> state_;
};

// Bytes at the end of `held` that may yet become a character.
size_t unfinished(std::string_view held) {
  for (size_t n = 1; n <= 3 && n <= held.size(); ++n) {
    const auto byte = static_cast<unsigned char>(held[held.size() - n]);
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const size_t need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    uint64_t broken = 0;
    const std::string fixed = repair_utf8(held.substr(held.size() - n), &broken);
    // One replacement for all of it: a true beginning, only too short.
    return n < need && broken == 1 && fixed.size() == 3 ? n : 0;
  }
  return 0;
}

}  // namespace

Encoder::Encoder(std::shared_ptr<const TokenizerData> data)
    : data_(std::move(data)), state_(std::make_unique<EncoderState>()) {}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;

void Encoder::encode(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) {
  detail::encode(*data_, *state_, text, options, out);
}
void Encoder::encode(std::string_view text, const EncodeOptions& options, Encoding& out) {
  detail::encode(*data_, *state_, text, options, out);
}

Tokenizer::Tokenizer(std::shared_ptr<const TokenizerData> data) : data_(std::move(data)) {}

Result<Tokenizer> Tokenizer::load(const Env& env, const std::string& path) {
  const std::string file = env.is_dir(path) ? path_join(path, "tokenizer.json") : path;
  return parse(LEAM_TRY(env.read_file(file)), file);
}

Result<Tokenizer> Tokenizer::parse(std::string_view json, const std::string& where) {
  return Tokenizer(LEAM_TRY(detail::parse_tokenizer(json, where)));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  Borrowed state(*data_);
  std::vector<TokenId> ids;
  detail::encode(*data_, state.get(), text, options, ids);
  return ids;
}

Encoding Tokenizer::encode_spans(std::string_view text, const EncodeOptions& options) const {
  Borrowed state(*data_);
  Encoding out;
  detail::encode(*data_, state.get(), text, options, out);
  return out;
}

Encoder Tokenizer::encoder() const {
  return Encoder(data_);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (!skip_special || !is_special(id)) bytes += data_->bytes[id];
  }
  return is_utf8(bytes) ? bytes : repair_utf8(bytes);
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  return data_->bytes[id];
}

std::optional<std::string> Tokenizer::id_to_token(TokenId id) const {
  if (!data_->tokens.texts().has(id)) return std::nullopt;
  return std::string(data_->tokens.texts()[id]);
}

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  const uint32_t id = data_->tokens.find(token);
  if (id == detail::kNone) return std::nullopt;
  return id;
}

size_t Tokenizer::vocab_size() const {
  return data_->tokens.texts().size();
}
const std::vector<AddedToken>& Tokenizer::added_tokens() const {
  return data_->added;
}
bool Tokenizer::is_special(TokenId id) const {
  return id < data_->special.size() && data_->special[id];
}
const std::vector<TokenId>& Tokenizer::prefix() const {
  return data_->prefix;
}
const std::vector<TokenId>& Tokenizer::suffix() const {
  return data_->suffix;
}
Hash128 Tokenizer::content_hash() const {
  return data_->content;
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special)
    : data_(tokenizer.data_), skip_special_(skip_special) {}

std::string StreamDecoder::push(TokenId id) {
  if (skip_special_ && id < data_->special.size() && data_->special[id]) return "";
  held_ += data_->bytes[id];
  const size_t keep = unfinished(held_);
  std::string out = repair_utf8(std::string_view(held_).substr(0, held_.size() - keep));
  held_.erase(0, held_.size() - keep);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out = repair_utf8(held_);
  held_.clear();
  return out;
}

}  // namespace leam::text
