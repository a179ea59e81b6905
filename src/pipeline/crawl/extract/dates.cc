// Dates as pages write them.
#include <fmt/format.h>

#include <cstdlib>

#include "pipeline/crawl/extract/metadata.h"

namespace leam::crawl {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// `n` digits at `at` as a number, -1 if there are not that many.
int number(std::string_view s, size_t at, size_t n) {
  if (at + n > s.size()) return -1;
  int v = 0;
  for (size_t i = 0; i < n; ++i) {
    if (!digit(s[at + i])) return -1;
    v = v * 10 + (s[at + i] - '0');
  }
  return v;
}

bool valid(int y, int m, int d) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (y < 1970 || y > 2100 || m < 1 || m > 12 || d < 1) return false;
  const bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
  return d <= kDays[m - 1] + (m == 2 && leap ? 1 : 0);
}

std::string day(int y, int m, int d) {
  return valid(y, m, d) ? fmt::format("{:04}-{:02}-{:02}", y, m, d) : "";
}

// Month by the first letters of its English or German name.
int month_of(std::string_view word) {
  std::string w;
  for (char c : word.substr(0, 4)) w.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  if (w.size() < 3) return 0;
  const std::string_view three(w.data(), 3);
  constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
  for (int i = 0; i < 12; ++i) {
    if (three == kMonths[i]) return i + 1;
  }
  if (w == "m\xC3\xA4r" || w == "m\xC3\xA4rz" || three == "mrz") return 3;
  if (three == "mai") return 5;
  if (three == "okt") return 10;
  if (three == "dez") return 12;
  return w == "j\xC3\xA4n" ? 1 : 0;
}

// "T05:06:07+01:00" at the start of `s`, as far as it is one.
std::string time_part(std::string_view s) {
  if (s.size() < 6 || (s[0] != 'T' && s[0] != ' ') || s[3] != ':') return "";
  const int h = number(s, 1, 2), m = number(s, 4, 2);
  if (h < 0 || h > 23 || m < 0 || m > 59) return "";
  std::string out = fmt::format("T{:02}:{:02}", h, m);
  size_t at = 6;
  int sec = 0;
  if (at < s.size() && s[at] == ':' && number(s, at + 1, 2) >= 0) {
    sec = number(s, at + 1, 2);
    at += 3;
  }
  out += fmt::format(":{:02}", sec);
  if (at < s.size() && s[at] == '.') {
    ++at;
    while (at < s.size() && digit(s[at])) ++at;
  }
  if (at < s.size() && s[at] == 'Z') return out + 'Z';
  if (at < s.size() && (s[at] == '+' || s[at] == '-') && number(s, at + 1, 2) >= 0) {
    const size_t minutes = at + 3 < s.size() && s[at + 3] == ':' ? at + 4 : at + 3;
    const int zone_m = number(s, minutes, 2);
    return out + fmt::format("{}{:02}:{:02}", s[at], number(s, at + 1, 2), zone_m < 0 ? 0 : zone_m);
  }
  return out;
}

}  // namespace

std::string parse_date(std::string_view s) {
  s = s.substr(0, 100);
  for (size_t i = 0; i < s.size(); ++i) {
    const bool start = i == 0 || !digit(s[i - 1]);
    if (!start || !digit(s[i])) continue;
    // 2021-03-04, 2021/03/04, 20210304
    if (const int y = number(s, i, 4); y >= 1970) {
      if (i + 10 <= s.size() && (s[i + 4] == '-' || s[i + 4] == '/') && s[i + 7] == s[i + 4]) {
        const std::string d = day(y, number(s, i + 5, 2), number(s, i + 8, 2));
        if (!d.empty()) return d + time_part(s.substr(i + 10));
      }
      const std::string d = i + 8 <= s.size() ? day(y, number(s, i + 4, 2), number(s, i + 6, 2)) : "";
      if (!d.empty() && (i + 8 == s.size() || !digit(s[i + 8]))) return d;
    }
    // 4.3.2021, 04.03.2021; 4. März 2021, 4 March 2021
    size_t at = i;
    while (at < s.size() && digit(s[at])) ++at;
    if (at - i > 2) continue;
    const int first = number(s, i, at - i);
    if (at < s.size() && s[at] == '.' && at + 1 < s.size() && digit(s[at + 1])) {
      size_t m_end = at + 1;
      while (m_end < s.size() && digit(s[m_end])) ++m_end;
      if (m_end - at - 1 <= 2 && m_end < s.size() && s[m_end] == '.') {
        const std::string d = day(number(s, m_end + 1, 4), number(s, at + 1, m_end - at - 1), first);
        if (!d.empty()) return d;
      }
    }
    size_t word = at;
    while (word < s.size() && (s[word] == '.' || s[word] == ' ')) ++word;
    size_t word_end = word;
    while (word_end < s.size() && s[word_end] != ' ' && s[word_end] != '.' && !digit(s[word_end])) ++word_end;
    const int month = month_of(s.substr(word, word_end - word));
    if (month > 0) {
      size_t year = word_end;
      while (year < s.size() && (s[year] == ' ' || s[year] == '.' || s[year] == ',')) ++year;
      const std::string d = day(number(s, year, 4), month, first);
      if (!d.empty()) return d;
    }
    // March 4, 2021: the month stands before
    size_t before = i;
    while (before > 0 && s[before - 1] == ' ') --before;
    size_t begin = before;
    while (begin > 0 && s[begin - 1] != ' ' && s[begin - 1] != ',') --begin;
    const int named = month_of(s.substr(begin, before - begin));
    if (named > 0) {
      size_t year = at;
      while (year < s.size() && (s[year] == ' ' || s[year] == ',' || s[year] == 't' || s[year] == 'h'))
        ++year;
      const std::string d = day(number(s, year, 4), named, first);
      if (!d.empty()) return d;
    }
  }
  return "";
}

}  // namespace leam::crawl
