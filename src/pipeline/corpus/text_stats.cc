#include "pipeline/corpus/text_stats.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "base/text/unicode.h"
#include "base/text/utf8.h"

namespace leam::corpus {
namespace {

// Finaliser of splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t kWordStart = 0x9e3779b97f4a7c15u;
constexpr uint64_t kWordStep = 0x2545f4914f6cdd1du;  // odd, for the characters of a word
constexpr uint64_t kShingleStep = 0xd1342543de82ef95u;

uint64_t power(uint64_t base, size_t exponent) {
  uint64_t out = 1;
  for (size_t i = 0; i < exponent; ++i) out *= base;
  return out;
}

std::string_view trimmed(std::string_view line) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!line.empty() && blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && blank(line.back())) line.remove_suffix(1);
  return line;
}

}  // namespace

CharTable::CharTable() : table_(kSize) {
  for (char32_t c = 0; c < kSize; ++c) table_[c] = slow(c);
}

uint32_t CharTable::slow(char32_t c) {
  const auto point = static_cast<UChar32>(c);
  const uint32_t mask = U_GET_GC_MASK(point);
  const auto lower = static_cast<uint32_t>(u_tolower(point));
  if ((mask & (U_GC_L_MASK | U_GC_M_MASK)) != 0) return kLetter | lower;
  if ((mask & U_GC_N_MASK) != 0) return kDigit | lower;
  return (text::is_space(c) ? kSpace : kOther) | lower;
}

TextStats TextAnalyser::analyse(std::string_view text) {
  TextStats s;
  words_.clear();
  uint64_t word = 0;
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<uint8_t>(text[at]);
    const uint32_t entry =
        byte < 0x80 ? (++at, table_.look(byte)) : table_.look(text::next_code_point(text, at));
    ++s.chars;
    const uint32_t kind = entry & CharTable::kClass;
    if (kind >= CharTable::kLetter) {
      ++s.visible;
      ++s.word_chars;
      s.letters += kind == CharTable::kLetter;
      if (word == 0) word = kWordStart;
      word = (word ^ (entry & 0xFFFFFF)) * kWordStep;
      word ^= word >> 32;
    } else {
      s.visible += kind != CharTable::kSpace;
      if (word != 0) words_.push_back(mix(word));
      word = 0;
    }
  }
  if (word != 0) words_.push_back(mix(word));
  s.words = words_.size();

  seen_lines_.clear();
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trimmed(text.substr(at, end - at));
    at = end + 1;
    if (line.empty()) continue;
    ++s.lines;
    s.line_bytes += line.size();
    if (!seen_lines_.insert(hash64(line)).second) {
      ++s.repeated;
      s.repeated_bytes += line.size();
    }
  }
  return s;
}

const std::vector<uint64_t>& TextAnalyser::runs(size_t n) {
  shingles_.clear();
  if (words_.empty()) return shingles_;
  n = std::min(n, words_.size());
  // Polynomial of the last n word hashes, rolled: no run of words costs more than one step.
  const uint64_t leaving = power(kShingleStep, n - 1);
  uint64_t rolling = 0;
  for (size_t i = 0; i < words_.size(); ++i) {
    if (i >= n) rolling -= words_[i - n] * leaving;
    rolling = rolling * kShingleStep + words_[i];
    if (i + 1 >= n) shingles_.push_back(mix(rolling + n));
  }
  return shingles_;
}

const std::vector<uint64_t>& TextAnalyser::shingles(size_t n) {
  runs(n);
  std::sort(shingles_.begin(), shingles_.end());
  shingles_.erase(std::unique(shingles_.begin(), shingles_.end()), shingles_.end());
  return shingles_;
}

Hash128 normalised_hash(std::string_view text, const CharTable& table) {
  const std::string form = text::nfc(std::string(text));
  std::string out;
  out.reserve(form.size());
  // Stretches without white space are copied whole; `start` is where the one at hand begins.
  size_t start = 0;
  const auto flush = [&](size_t end) {
    if (end == start) return;
    if (!out.empty()) out += ' ';
    out.append(form, start, end - start);
  };
  for (size_t at = 0; at < form.size();) {
    const size_t here = at;
    const auto byte = static_cast<uint8_t>(form[at]);
    const uint32_t entry =
        byte < 0x80 ? (++at, table.look(byte)) : table.look(text::next_code_point(form, at));
    if ((entry & CharTable::kClass) != CharTable::kSpace) continue;
    flush(here);
    start = at;
  }
  flush(form.size());
  return hash128(out);
}

}  // namespace leam::corpus
