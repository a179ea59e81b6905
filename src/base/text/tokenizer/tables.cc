#include <bit>

#include "base/core/hash.h"
#include "base/text/tokenizer/data_internal.h"
#include "base/text/tokenizer/encode_internal.h"

namespace leam::text::detail {

void TokenTexts::reserve(size_t tokens, size_t bytes) {
  spans_.reserve(tokens);
  block_.reserve(bytes);
}

void TokenTexts::set(uint32_t id, std::string_view text) {
  if (id >= spans_.size()) spans_.resize(id + size_t{1});
  spans_[id] = {block_.size(), static_cast<uint32_t>(text.size())};
  block_ += text;
}

void TokenTable::reserve(size_t tokens, size_t bytes) {
  texts_.reserve(tokens, bytes);
  grow(std::bit_ceil(2 * tokens + 64));
}

size_t TokenTable::slot_of(std::string_view token) const {
  size_t i = hash64(token) & (slots_.size() - 1);
  while (slots_[i] != kNone && texts_[slots_[i]] != token) i = (i + 1) & (slots_.size() - 1);
  return i;
}

void TokenTable::grow(size_t slots) {
  slots_.assign(slots, kNone);
  for (uint32_t id = 0; id < texts_.size(); ++id) {
    if (texts_.has(id)) slots_[slot_of(texts_[id])] = id;
  }
}

bool TokenTable::add(uint32_t id, std::string_view token) {
  if (2 * (count_ + 1) > slots_.size()) grow(std::bit_ceil(4 * (count_ + 16)));
  const size_t slot = slot_of(token);
  if (slots_[slot] != kNone || texts_.has(id)) return false;
  texts_.set(id, token);
  slots_[slot] = id;
  ++count_;
  return true;
}

uint32_t TokenTable::find(std::string_view token) const {
  return slots_.empty() ? kNone : slots_[slot_of(token)];
}

// Here, where the working memory's type is known.
TokenizerData::TokenizerData() = default;
TokenizerData::~TokenizerData() = default;

}  // namespace leam::text::detail
