// The rest of the tokenizer: comments, doctypes, CDATA sections.
#include <cstring>

#include "pipeline/crawl/html/scan.h"
#include "pipeline/crawl/html/tokenizer.h"

namespace leam::crawl::html {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

bool folded_at(const char* at, const char* end, std::string_view upper_word) {
  if (static_cast<size_t>(end - at) < upper_word.size()) return false;
  for (size_t i = 0; i < upper_word.size(); ++i) {
    const char c = at[i] >= 'a' && at[i] <= 'z' ? static_cast<char>(at[i] - 32) : at[i];
    if (c != upper_word[i]) return false;
  }
  return true;
}

const char* find(const char* at, const char* end, char c) {
  const void* hit = at < end ? std::memchr(at, c, static_cast<size_t>(end - at)) : nullptr;
  return hit != nullptr ? static_cast<const char*>(hit) : end;
}

std::string_view view(const char* a, const char* b) {
  return {a, static_cast<size_t>(b - a)};
}

}  // namespace

// at_ is behind "<!".
void Tokenizer::markup_declaration(Token& token) {
  if (end_ - at_ >= 2 && at_[0] == '-' && at_[1] == '-') {
    at_ += 2;
    return comment(token);
  }
  if (folded_at(at_, end_, "DOCTYPE")) {
    at_ += 7;
    return doctype(token);
  }
  if (cdata_allowed_ && view(at_, end_).starts_with("[CDATA[")) {
    at_ += 7;
    return cdata(token);
  }
  bogus_comment(token);
}

// at_ is behind "<!--".
void Tokenizer::comment(Token& token) {
  token.type = Type::kComment;
  const char* begin = at_;
  for (const char* p = begin; (p = find(p, end_, '>')) < end_; ++p) {
    const auto n = p - begin;
    ptrdiff_t data = -1;
    if (n == 0 || (n == 1 && begin[0] == '-')) {
      data = 0;
    } else if (n >= 2 && p[-1] == '-' && p[-2] == '-') {
      data = n - 2;
    } else if (n >= 3 && p[-1] == '!' && p[-2] == '-' && p[-3] == '-') {
      data = n - 3;
    }
    if (data < 0) continue;
    token.text = clean(view(begin, begin + data), true);
    at_ = p + 1;
    return;
  }
  // The page ends inside the comment: "--" and "--!" at its end were on the way to close it.
  std::string_view rest = view(begin, end_);
  if (rest.ends_with("--!")) {
    rest.remove_suffix(3);
  } else if (rest.ends_with("--")) {
    rest.remove_suffix(2);
  } else if (rest.ends_with("-")) {
    rest.remove_suffix(1);
  }
  token.text = clean(rest, true);
  at_ = end_;
}

void Tokenizer::bogus_comment(Token& token) {
  token.type = Type::kComment;
  const char* p = find(at_, end_, '>');
  token.text = clean(view(at_, p), true);
  at_ = p < end_ ? p + 1 : end_;
}

// at_ is behind "<![CDATA[". The section is text without references; U+0000 stays for tree construction.
void Tokenizer::cdata(Token& token) {
  const char* begin = at_;
  for (const char* p = begin; (p = find(p, end_, '>')) < end_; ++p) {
    if (p - begin < 2 || p[-1] != ']' || p[-2] != ']') continue;
    at_ = p + 1;
    if (p - begin == 2) return next(token);
    token.type = Type::kText;
    token.text = clean(view(begin, p - 2), false);
    token.has_nul = token.text.find('\0') != std::string_view::npos;
    return;
  }
  at_ = end_;
  if (begin == end_) return next(token);
  token.type = Type::kText;
  token.text = clean(view(begin, end_), false);
  token.has_nul = token.text.find('\0') != std::string_view::npos;
}

// A quoted identifier at at_ (which is a quote). False when the page ends or a '>' cuts it off; at_ is then
// behind the '>' and `closed` says that the token is complete.
bool Tokenizer::doctype_identifier(std::string_view& id, bool& closed) {
  const char quote = *at_++;
  const char* begin = at_;
  const char* p = find_any(begin, end_, quote, '>', quote, quote);
  id = clean(view(begin, p), true);
  closed = p < end_ && *p == '>';
  at_ = p < end_ ? p + 1 : end_;
  return p < end_ && !closed;
}

// at_ is behind "<!DOCTYPE".
void Tokenizer::doctype(Token& token) {
  token.type = Type::kDoctype;
  const auto skip_blanks = [&] {
    while (at_ < end_ && is_blank(*at_)) ++at_;
  };
  const auto finish = [&](bool quirks) {  // "bogus DOCTYPE": up to the next '>'
    token.force_quirks = token.force_quirks || quirks;
    const char* p = find(at_, end_, '>');
    at_ = p < end_ ? p + 1 : end_;
  };
  skip_blanks();
  if (at_ >= end_ || *at_ == '>') return finish(true);
  const char* name = at_;
  while (at_ < end_ && !is_blank(*at_) && *at_ != '>') ++at_;
  token.name = lower(view(name, at_));
  skip_blanks();
  if (at_ >= end_) return finish(true);
  if (*at_ == '>') return finish(false);
  const bool is_public = folded_at(at_, end_, "PUBLIC");
  if (!is_public && !folded_at(at_, end_, "SYSTEM")) return finish(true);
  at_ += 6;
  skip_blanks();
  bool closed = false;
  if (at_ >= end_ || (*at_ != '"' && *at_ != '\'')) return finish(true);
  if (is_public) {
    token.has_public = true;
    if (!doctype_identifier(token.public_id, closed)) {
      token.force_quirks = true;
      return;
    }
    skip_blanks();
    if (at_ >= end_) return finish(true);
    if (*at_ == '>') return finish(false);
    if (*at_ != '"' && *at_ != '\'') return finish(true);
  }
  token.has_system = true;
  if (!doctype_identifier(token.system_id, closed)) {
    token.force_quirks = true;
    return;
  }
  skip_blanks();
  finish(at_ >= end_);  // anything behind the system identifier is ignored, and is no quirk
}

}  // namespace leam::crawl::html
