#include "pipeline/crawl/html/tokenizer.h"

#include <cstring>

#include "pipeline/crawl/html/entities.h"
#include "pipeline/crawl/html/scan.h"

namespace leam::crawl::html {
namespace {

enum Class : uint8_t { kBlank = 1, kAlpha = 2, kUpper = 4, kTagEnd = 8, kAttrEnd = 16, kOdd = 32 };

struct Classes {
  uint8_t of[256] = {};
  constexpr Classes() {
    for (unsigned char c : {'\t', '\n', '\f', '\r', ' '}) of[c] = kBlank | kTagEnd | kAttrEnd;
    for (unsigned char c : {'/', '>'}) of[c] = kTagEnd | kAttrEnd;
    of[static_cast<uint8_t>('=')] = kAttrEnd;
    of[0] = kOdd;
    for (unsigned char c = 'a'; c <= 'z'; ++c) of[c] = kAlpha;
    for (unsigned char c = 'A'; c <= 'Z'; ++c) of[c] = kAlpha | kUpper | kOdd;
  }
};
constexpr Classes kClasses;

uint8_t class_of(char c) {
  return kClasses.of[static_cast<uint8_t>(c)];
}
bool is_blank(char c) {
  return (class_of(c) & kBlank) != 0;
}
bool is_alpha(char c) {
  return (class_of(c) & kAlpha) != 0;
}
char lower_char(char c) {
  return (class_of(c) & kUpper) != 0 ? static_cast<char>(c + 32) : c;
}

const char* find(const char* at, const char* end, char c) {
  const void* hit = at < end ? std::memchr(at, c, static_cast<size_t>(end - at)) : nullptr;
  return hit != nullptr ? static_cast<const char*>(hit) : end;
}

std::string_view view(const char* a, const char* b) {
  return {a, static_cast<size_t>(b - a)};
}

bool starts_folded(const char* at, const char* end, std::string_view lower_word) {
  if (static_cast<size_t>(end - at) < lower_word.size()) return false;
  for (size_t i = 0; i < lower_word.size(); ++i) {
    if (lower_char(at[i]) != lower_word[i]) return false;
  }
  return true;
}

}  // namespace

void Tokenizer::next(Token& token) {
  token = Token();
  if (at_ >= end_) return;
  if (state_ == State::kData) {
    data(token);
  } else {
    raw(token);
  }
}

// Bytes up to `run_end` as one text token.
void Tokenizer::text_run(Token& token, bool references, const char* run_end) {
  token.type = Type::kText;
  const std::string_view s = view(at_, run_end);
  at_ = run_end;
  const char* odd = references ? find_any(s.data(), run_end, '&', '\r', '\0', '&')
                               : find_any(s.data(), run_end, '\r', '\0', '\r', '\r');
  if (odd == run_end) {
    token.text = s;
    return;
  }
  token.has_nul = s.find('\0') != std::string_view::npos;
  token.text = references ? decode(s, false, true) : clean(s, false);
}

void Tokenizer::data(Token& token) {
  // Most runs hold nothing but text: one scan finds their end and says so.
  const char* p = at_;
  bool odd = false;
  while (true) {
    p = find_any(p, end_, '<', '&', '\r', '\0');
    if (p == end_) break;
    if (*p != '<') {
      odd = true;
      p = find(p, end_, '<');
      if (p == end_) break;
    }
    if (p + 1 < end_) {
      const char c = p[1];
      if (is_alpha(c) || c == '!' || c == '?' || (c == '/' && p + 2 < end_)) break;
    }
    ++p;
  }
  if (p > at_) {
    if (odd) return text_run(token, true, p);
    token.type = Type::kText;
    token.text = view(at_, p);
    at_ = p;
    return;
  }
  // at_ is a '<' that opens something.
  const char c = p[1];
  if (is_alpha(c)) {
    at_ = p + 1;
    return tag(token, false);
  }
  if (c == '!') {
    at_ = p + 2;
    return markup_declaration(token);
  }
  if (c == '?') {
    at_ = p + 1;
    return bogus_comment(token);
  }
  if (is_alpha(p[2])) {
    at_ = p + 2;
    return tag(token, true);
  }
  at_ = p + 2;
  if (p[2] == '>') {  // "</>" is nothing at all
    at_ = p + 3;
    return next(token);
  }
  bogus_comment(token);
}

// `lt` points at "</"; does last_start_'s end tag begin there?
bool Tokenizer::closes_last_start(const char* lt) const {
  const char* name = lt + 2;
  if (!starts_folded(name, end_, last_start_)) return false;
  name += last_start_.size();
  return name < end_ && (is_blank(*name) || *name == '/' || *name == '>');
}

const char* Tokenizer::end_tag_after(const char* at) const {
  for (const char* p = at; (p = find(p, end_, '<')) < end_; ++p) {
    if (p + 1 < end_ && p[1] == '/' && closes_last_start(p)) return p;
  }
  return end_;
}

// The end tag of a script, past "<!-- <script> … </script> -->" (script data escaped and double escaped).
const char* Tokenizer::script_end() const {
  enum { kPlain, kEscaped, kDouble } mode = kPlain;
  for (const char* p = at_; p < end_;) {
    if (mode == kPlain) {
      p = find(p, end_, '<');
      if (p + 1 >= end_) return end_;
      if (p[1] == '/' && closes_last_start(p)) return p;
      if (p[1] == '!' && end_ - p >= 4 && p[2] == '-' && p[3] == '-') {
        mode = kEscaped;
        p += 4;
        while (p < end_ && *p == '-') ++p;
        if (p < end_ && *p == '>') mode = kPlain;  // "<!-->"
        continue;
      }
      ++p;
      continue;
    }
    p = find_any(p, end_, '<', '-', '<', '<');
    if (p >= end_) return end_;
    if (*p == '-') {
      const char* dashes = p;
      while (p < end_ && *p == '-') ++p;
      if (p - dashes >= 2 && p < end_ && *p == '>') mode = kPlain;
      continue;
    }
    const bool slash = p + 1 < end_ && p[1] == '/';
    if (mode == kEscaped && slash && closes_last_start(p)) return p;
    const char* word = p + (slash ? 2 : 1);
    p = word;
    if (slash != (mode == kDouble)) continue;  // only "<script" escapes further, only "</script" comes back
    while (p < end_ && is_alpha(*p)) ++p;
    if (p > word && p < end_ && (is_blank(*p) || *p == '/' || *p == '>') && p - word == 6 &&
        starts_folded(word, end_, "script")) {
      mode = mode == kDouble ? kEscaped : kDouble;
    }
  }
  return end_;
}

void Tokenizer::raw(Token& token) {
  if (state_ == State::kPlaintext) {
    token.type = Type::kText;
    token.text = clean(view(at_, end_), true);
    at_ = end_;
    return;
  }
  const char* stop = state_ == State::kScript ? script_end() : end_tag_after(at_);
  if (stop == at_) {
    at_ += 2;
    state_ = State::kData;
    tag(token, true);
    return;
  }
  token.type = Type::kText;
  const std::string_view s = view(at_, stop);
  at_ = stop;
  token.text = state_ == State::kRcdata ? decode(s, false, false) : clean(s, true);
}

std::string_view Tokenizer::clean(std::string_view s, bool replace_nul) {
  const char* end = s.data() + s.size();
  const char* p = find_any(s.data(), end, '\r', replace_nul ? '\0' : '\r', '\r', '\r');
  if (p == end) return s;
  scratch_.clear();
  const char* kept = s.data();
  while (p < end) {
    scratch_.append(kept, p);
    if (*p == '\r') {
      scratch_.push_back('\n');
      ++p;
      if (p < end && *p == '\n') ++p;
    } else {
      scratch_.append("\xEF\xBF\xBD");
      ++p;
    }
    kept = p;
    p = find_any(p, end, '\r', replace_nul ? '\0' : '\r', '\r', '\r');
  }
  scratch_.append(kept, end);
  return arena_.copy(scratch_);
}

// References decoded and the input cleaned as clean() does.
std::string_view Tokenizer::decode(std::string_view s, bool in_attribute, bool keep_nul) {
  size_t at = 0;
  const char* end = s.data() + s.size();
  const char* p = find_any(s.data(), end, '&', '\r', '\0', '&');
  if (p == end) return s;
  scratch_.clear();
  while (p < end) {
    scratch_.append(s.data() + at, p);
    at = static_cast<size_t>(p - s.data());
    if (*p == '&') {
      decode_reference(s, at, in_attribute, scratch_);
    } else if (*p == '\r') {
      scratch_.push_back('\n');
      ++at;
      if (at < s.size() && s[at] == '\n') ++at;
    } else {
      if (keep_nul) {
        scratch_.push_back('\0');
      } else {
        scratch_.append("\xEF\xBF\xBD");
      }
      ++at;
    }
    p = find_any(s.data() + at, end, '&', '\r', '\0', '&');
  }
  scratch_.append(s.data() + at, end);
  return arena_.copy(scratch_);
}

std::string_view Tokenizer::lower(std::string_view s) {
  bool odd = false;
  for (char c : s) odd = odd || (class_of(c) & kOdd) != 0;
  if (!odd) return s;
  scratch_.clear();
  for (char c : s) {
    if (c == '\0') {
      scratch_.append("\xEF\xBF\xBD");
    } else {
      scratch_.push_back(lower_char(c));
    }
  }
  return arena_.copy(scratch_);
}

void Tokenizer::tag(Token& token, bool end_tag) {
  const char* name = at_;
  while (at_ < end_ && (class_of(*at_) & kTagEnd) == 0) ++at_;
  char folded[16];
  const auto n = static_cast<size_t>(at_ - name);
  if (n <= sizeof(folded)) {
    for (size_t i = 0; i < n; ++i) folded[i] = lower_char(name[i]);
    token.tag = tag_of({folded, n});
  }
  token.name = token.tag != Tag::kUnknown ? name_of(token.tag) : lower({name, n});
  attrs_.clear();
  if (!attribute_list(token)) {  // the page ends inside the tag: there is no tag
    token = Token();
    return;
  }
  token.type = end_tag ? Type::kEndTag : Type::kStartTag;
}

// Up to and with the closing '>'; false at the end of the page.
bool Tokenizer::attribute_list(Token& token) {
  while (true) {
    while (at_ < end_ && is_blank(*at_)) ++at_;
    if (at_ >= end_) return false;
    if (*at_ == '>') {
      ++at_;
      return true;
    }
    if (*at_ == '/') {
      ++at_;
      if (at_ < end_ && *at_ == '>') {
        token.self_closing = true;
        ++at_;
        return true;
      }
      continue;
    }
    Attr attr;
    const char* name = at_;
    if (*at_ == '=') ++at_;  // a leading '=' belongs to the name
    bool odd = false;
    while (at_ < end_) {
      const uint8_t c = class_of(*at_);
      if ((c & kAttrEnd) != 0) break;
      odd = odd || (c & kOdd) != 0;
      ++at_;
    }
    attr.name = view(name, at_);
    if (odd) attr.name = lower(attr.name);
    const char* behind = at_;
    while (at_ < end_ && is_blank(*at_)) ++at_;
    if (at_ >= end_) return false;
    if (*at_ == '=') {
      ++at_;
      while (at_ < end_ && is_blank(*at_)) ++at_;
      if (at_ >= end_) return false;
      attribute_value(attr);
      if (at_ >= end_) return false;
    } else {
      at_ = behind;
    }
    if (attrs_.size() >= kMaxAttributes) continue;
    bool known = false;
    for (const Attr& a : attrs_) {
      if (a.name.size() == attr.name.size() && a.name == attr.name) {
        known = true;
        break;
      }
    }
    if (!known) attrs_.push_back(attr);
  }
}

// at_ is the first byte behind '=' and blanks.
void Tokenizer::attribute_value(Attr& attr) {
  const char first = *at_;
  if (first == '"' || first == '\'') {
    const char* begin = ++at_;
    const char* p = find_any(begin, end_, first, '&', '\r', '\0');
    bool odd = false;
    if (p < end_ && *p != first) {
      odd = true;
      p = find(p, end_, first);
    }
    attr.value = view(begin, p);
    if (odd) attr.value = decode(attr.value, true, false);
    at_ = p < end_ ? p + 1 : end_;
    return;
  }
  if (first == '>') return;  // missing value
  const char* begin = at_;
  bool odd = false;
  while (at_ < end_ && !is_blank(*at_) && *at_ != '>') {
    odd = odd || *at_ == '&' || *at_ == '\0';
    ++at_;
  }
  attr.value = view(begin, at_);
  if (odd) attr.value = decode(attr.value, true, false);
}

}  // namespace leam::crawl::html
