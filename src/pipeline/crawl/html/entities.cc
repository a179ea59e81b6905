#include "pipeline/crawl/html/entities.h"

#include <algorithm>

#include "base/text/utf8.h"

namespace leam::crawl::html {
namespace {

struct Entry {
  std::string_view name, value;
};

// Sorted by name; made by tools/make_html_entities.sh.
constexpr Entry kEntries[] = {
#include "pipeline/crawl/html/entities_table.inc"
};

// Code points that windows-1252 gives to 0x80 … 0x9F (HTML standard, "numeric character reference end
// state").
constexpr char16_t kC1[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                              0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                              0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                              0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z');
}
int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char l = static_cast<char>(c | 32);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

char32_t meaning(uint32_t n) {
  if (n == 0 || n > 0x10FFFF || (n >= 0xD800 && n <= 0xDFFF)) return text::kReplacement;
  if (n >= 0x80 && n <= 0x9F && kC1[n - 0x80] != 0) return kC1[n - 0x80];
  return n;
}

}  // namespace

NamedReference match_named_reference(std::string_view s) {
  // Narrow the range of names that agree with `s` so far, byte by byte; remember the last one that was whole.
  const Entry* low = std::begin(kEntries);
  const Entry* high = std::end(kEntries);
  NamedReference best;
  for (size_t i = 0; i < s.size() && low != high; ++i) {
    const char c = s[i];
    low =
        std::partition_point(low, high, [&](const Entry& e) { return e.name.size() <= i || e.name[i] < c; });
    high = std::partition_point(low, high, [&](const Entry& e) { return e.name[i] == c; });
    if (low != high && low->name.size() == i + 1) best = {i + 1, low->value};
  }
  return best;
}

void decode_reference(std::string_view s, size_t& at, bool in_attribute, std::string& out) {
  size_t i = at + 1;
  if (i < s.size() && s[i] == '#') {
    ++i;
    const bool hex = i < s.size() && (s[i] | 32) == 'x';
    if (hex) ++i;
    const size_t begin = i;
    uint32_t n = 0;
    for (; i < s.size(); ++i) {
      const int d = hex ? hex_digit(s[i]) : is_digit(s[i]) ? s[i] - '0' : -1;
      if (d < 0) break;
      if (n <= 0x10FFFF) n = n * (hex ? 16u : 10u) + static_cast<uint32_t>(d);
    }
    if (i > begin) {
      if (i < s.size() && s[i] == ';') ++i;
      text::append_utf8(out, meaning(n));
      at = i;
      return;
    }
  } else if (i < s.size() && is_alnum(s[i])) {
    const NamedReference r = match_named_reference(s.substr(i, 40));
    if (r.length > 0) {
      const size_t behind = i + r.length;
      const bool closed = s[behind - 1] == ';';
      const bool old_name_in_url =
          in_attribute && !closed && behind < s.size() && (s[behind] == '=' || is_alnum(s[behind]));
      if (!old_name_in_url) {
        out.append(r.value);
        at = behind;
        return;
      }
    }
  }
  out.push_back('&');
  ++at;
}

}  // namespace leam::crawl::html
