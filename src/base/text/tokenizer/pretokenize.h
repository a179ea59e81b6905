// Cutting text into words before the merges: what a tokenizer.json says with a regular expression, written
// out by hand. A word here is a piece the expression matches; the pieces share out the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text/tokenizer/categories.h"

namespace leam::text {

// A known expression. The names are those of the models that made them common.
enum class Pattern {
  kGpt2,    // ByteLevel's own, with use_regex
  kLlama3,  // also GPT-4: three digits at most
  kQwen2,   // one digit at a time
  kGpt4o,   // cuts at changes of case, contractions stay on the word
  kTekken,  // the same, one digit at a time, no contractions
};

// The expression as it stands in a tokenizer.json.
std::string_view pattern_regex(Pattern pattern);
std::optional<Pattern> pattern_of_regex(std::string_view regex);
// "gpt2", "llama3", "qwen2", "gpt4o", "tekken".
std::string_view pattern_name(Pattern pattern);
std::optional<Pattern> pattern_of_name(std::string_view name);
const std::vector<std::string>& pattern_names();

namespace detail {

// Each word scanner returns the end of the word that starts at p < end. Valid UTF-8 only.
class Scan {
 public:
  Scan(const CharClasses& classes, const char* end) : classes_(classes), end_(end) {}

  template <Pattern P>
  const char* word(const char* p) const {
    if constexpr (P == Pattern::kGpt2) return gpt2(p);
    if constexpr (P == Pattern::kLlama3) return llama3<3>(p);
    if constexpr (P == Pattern::kQwen2) return llama3<1>(p);
    if constexpr (P == Pattern::kGpt4o) return gpt4o<3, true>(p);
    if constexpr (P == Pattern::kTekken) return gpt4o<1, false>(p);
  }

 private:
  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  const char* gpt2(const char* p) const {
    if (*p == '\'') {
      if (const char* q = contraction<false>(p)) return q;
    }
    const char* first = *p == ' ' && p + 1 < end_ ? p + 1 : p;
    int size = 0;
    const uint8_t c = classes_.at(first, size);
    if ((c & kSpace) != 0) return spaces(p);
    return run(first + size, c & (kLetter | kNumber | kOther));
  }

  // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
  // \s*[\r\n]+|\s+(?!\S)|\s+
  template <int kDigits>
  const char* llama3(const char* p) const {
    if (*p == '\'') {
      if (const char* q = contraction<true>(p)) return q;
    }
    int size = 0;
    const uint8_t c = classes_.at(p, size);
    if ((c & kLetter) != 0) return run(p + size, kLetter);
    if ((c & kNumber) != 0) return digits<kDigits>(p + size);
    const char* second = p + size;
    if (second < end_ && (c & kNewline) == 0) {
      int size2 = 0;
      const uint8_t d = classes_.at(second, size2);
      if ((d & kLetter) != 0) return run(second + size2, kLetter);
      if (*p == ' ' && (d & kOther) != 0) return newlines<false>(run(second + size2, kOther));
    }
    if ((c & kOther) != 0) return newlines<false>(run(second, kOther));
    return spaces_and_newlines(p);
  }

  // [^\r\n\p{L}\p{N}]?U*W+(contraction)?|[^\r\n\p{L}\p{N}]?U+W*(contraction)?|\p{N}{1,3}|
  //  ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+    with U = kUpper and W = kLower
  template <int kDigits, bool kContraction>
  const char* gpt4o(const char* p) const {
    int size = 0;
    const uint8_t c = classes_.at(p, size);
    const bool prefix = (c & (kNewline | kLetter | kNumber)) == 0;
    const char* q = nullptr;
    if (prefix) q = lower_word(p + size);
    if (q == nullptr) q = lower_word(p);
    if (q == nullptr && prefix) q = upper_word(p + size);
    if (q == nullptr) q = upper_word(p);
    if (q != nullptr) {
      if (!kContraction || q >= end_ || *q != '\'') return q;
      const char* after = contraction<true>(q);
      return after != nullptr ? after : q;
    }
    if ((c & kNumber) != 0) return digits<kDigits>(p + size);
    const char* second = p + size;
    if (*p == ' ' && second < end_) {
      int size2 = 0;
      if ((classes_.at(second, size2) & kOther) != 0) return newlines<true>(run(second + size2, kOther));
    }
    if ((c & kOther) != 0) return newlines<true>(run(second, kOther));
    return spaces_and_newlines(p);
  }

  const char* run(const char* p, uint8_t mask) const {
    while (p < end_) {
      int size = 0;
      if ((classes_.at(p, size) & mask) == 0) break;
      p += size;
    }
    return p;
  }
  template <int kMax>
  const char* digits(const char* p) const {
    for (int n = 1; n < kMax && p < end_; ++n) {
      int size = 0;
      if ((classes_.at(p, size) & kNumber) == 0) break;
      p += size;
    }
    return p;
  }
  template <bool kSlash>
  const char* newlines(const char* p) const {
    while (p < end_ && (*p == '\n' || *p == '\r' || (kSlash && *p == '/'))) ++p;
    return p;
  }
  // U*W+ from p, or null.
  const char* lower_word(const char* p) const {
    const char* both = nullptr;  // behind the last character that is U and W
    while (p < end_) {
      int size = 0;
      const uint8_t c = classes_.at(p, size);
      if ((c & kUpper) == 0) {
        if ((c & kLower) != 0) return run(p + size, kLower);
        break;
      }
      p += size;
      if ((c & kLower) != 0) both = p;
    }
    return both;
  }
  // U+W* from p, or null. Called where lower_word() found nothing: no W follows the U.
  const char* upper_word(const char* p) const {
    const char* q = run(p, kUpper);
    return q == p ? nullptr : q;
  }
  // \s+(?!\S)|\s+: white space but for its last character, which belongs to the word behind.
  const char* spaces(const char* p) const {
    const char* last = p;
    int n = 0;
    while (p < end_) {
      int size = 0;
      if ((classes_.at(p, size) & kSpace) == 0) return n > 1 ? last : p;
      last = p;
      p += size;
      ++n;
    }
    return p;
  }
  // \s*[\r\n]+ before these.
  const char* spaces_and_newlines(const char* p) const {
    const char *last = p, *behind_newline = nullptr;
    int n = 0;
    while (p < end_) {
      int size = 0;
      const uint8_t c = classes_.at(p, size);
      if ((c & kSpace) == 0) break;
      last = p;
      p += size;
      ++n;
      if ((c & kNewline) != 0) behind_newline = p;
    }
    if (behind_newline != nullptr) return behind_newline;
    return p < end_ && n > 1 ? last : p;
  }
  // 's 't 're 've 'm 'll 'd at p, or null. Without case, ſ (U+017F) is an s.
  template <bool kAnyCase>
  const char* contraction(const char* p) const {
    if (end_ - p < 2) return nullptr;
    const auto lower = [](char c) {
      return kAnyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    };
    const char a = lower(p[1]);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return p + 2;
    if (end_ - p < 3) return nullptr;
    if (kAnyCase && p[1] == '\xc5' && p[2] == '\xbf') return p + 3;
    const char b = lower(p[2]);
    if (((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l')) return p + 3;
    return nullptr;
  }

  const CharClasses& classes_;
  const char* end_;
};

template <Pattern P, class F>
void each_word(std::string_view text, F&& f) {
  const char *p = text.data(), *end = p + text.size();
  const Scan scan(CharClasses::get(), end);
  while (p < end) {
    const char* q = scan.word<P>(p);
    f(p, q);
    p = q;
  }
}

}  // namespace detail

// Calls f(begin, end) for every word of valid UTF-8, in order.
template <class F>
void for_each_word(Pattern pattern, std::string_view text, F&& f) {
  switch (pattern) {
    case Pattern::kGpt2:
      return detail::each_word<Pattern::kGpt2>(text, f);
    case Pattern::kLlama3:
      return detail::each_word<Pattern::kLlama3>(text, f);
    case Pattern::kQwen2:
      return detail::each_word<Pattern::kQwen2>(text, f);
    case Pattern::kGpt4o:
      return detail::each_word<Pattern::kGpt4o>(text, f);
    case Pattern::kTekken:
      return detail::each_word<Pattern::kTekken>(text, f);
  }
}

}  // namespace leam::text
