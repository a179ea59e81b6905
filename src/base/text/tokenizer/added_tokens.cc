#include <algorithm>
#include <cstring>

#include "base/text/tokenizer/added_tokens_internal.h"
#include "base/text/tokenizer/categories.h"
#include "base/text/utf8.h"

namespace leam::text::detail {
namespace {

// The code point that ends before `at` > 0.
char32_t before(std::string_view text, size_t at) {
  do {
    --at;
  } while (at > 0 && (static_cast<unsigned char>(text[at]) >> 6) == 2);
  return next_code_point(text, at);
}

bool is_space_class(char32_t c) {
  return (CharClasses::get().of(c) & kSpace) != 0;
}

}  // namespace

void AddedTokenFinder::add(const AddedToken& token, std::string_view content) {
  if (content.empty()) return;
  int node = 0;
  for (const char c : content) {
    int next = -1;
    for (const auto& [byte, target] : nodes_[static_cast<size_t>(node)].next) {
      if (byte == c) next = target;
    }
    if (next < 0) {
      next = static_cast<int>(nodes_.size());
      nodes_[static_cast<size_t>(node)].next.emplace_back(c, next);
      nodes_.emplace_back();
    }
    node = next;
  }
  nodes_[static_cast<size_t>(node)].token = static_cast<int>(tokens_.size());
  const auto first = static_cast<unsigned char>(content.front());
  if (tokens_.empty()) {
    only_start_ = first;
  } else if (only_start_ != first) {
    only_start_ = -1;
  }
  starts_[first] = true;
  tokens_.push_back(token);
}

std::pair<int, size_t> AddedTokenFinder::longest_at(std::string_view text, size_t at) const {
  int node = 0, token = -1;
  size_t size = 0;
  for (size_t i = at; i < text.size(); ++i) {
    int next = -1;
    for (const auto& [byte, target] : nodes_[static_cast<size_t>(node)].next) {
      if (byte == text[i]) {
        next = target;
        break;
      }
    }
    if (next < 0) break;
    node = next;
    if (nodes_[static_cast<size_t>(node)].token >= 0) {
      token = nodes_[static_cast<size_t>(node)].token;
      size = i + 1 - at;
    }
  }
  return {token, size};
}

AddedTokenFinder::Found AddedTokenFinder::find(std::string_view text, size_t from, size_t taken,
                                               bool parse_special) const {
  size_t at = from;
  while (at < text.size()) {
    if (only_start_ >= 0) {
      const void* hit = std::memchr(text.data() + at, only_start_, text.size() - at);
      if (hit == nullptr) break;
      at = static_cast<size_t>(static_cast<const char*>(hit) - text.data());
    } else {
      while (at < text.size() && !starts_[static_cast<unsigned char>(text[at])]) ++at;
      if (at == text.size()) break;
    }
    const auto [index, size] = longest_at(text, at);
    if (index < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(index)];
    Found found{true, at, at + size, at + size, token.id};
    // A token that does not count still covers its text: nothing is looked for inside it.
    at += size;
    if (token.special && !parse_special) continue;
    if (token.single_word) {
      const CharClasses& classes = CharClasses::get();
      if (found.begin > 0 && classes.is_word(before(text, found.begin))) continue;
      size_t behind = found.end;
      if (behind < text.size() && classes.is_word(next_code_point(text, behind))) continue;
    }
    if (token.lstrip) {
      while (found.begin > 0 && is_space_class(before(text, found.begin))) {
        do {
          --found.begin;
        } while ((static_cast<unsigned char>(text[found.begin]) >> 6) == 2);
      }
      found.begin = std::max(found.begin, taken);
    }
    if (token.rstrip) {
      size_t next = found.end;
      while (next < text.size() && is_space_class(next_code_point(text, next))) found.end = next;
    }
    return found;
  }
  return {};
}

}  // namespace leam::text::detail
