// "Prescan a byte stream to determine its encoding", HTML standard, section 13.2.3.2.
#include <algorithm>
#include <string>

#include "base/text/charset.h"

namespace leam::text {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}
bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool starts_with_folded(std::string_view s, std::string_view word) {
  if (s.size() < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (lower(s[i]) != word[i]) return false;
  }
  return true;
}

struct Attribute {
  std::string name, value;
};

// "Get an attribute": false at the end of the tag.
bool get_attribute(std::string_view s, size_t& at, Attribute& out) {
  out.name.clear();
  out.value.clear();
  while (at < s.size() && (is_blank(s[at]) || s[at] == '/')) ++at;
  if (at >= s.size() || s[at] == '>') return false;
  while (at < s.size() && !(s[at] == '=' && !out.name.empty()) && !is_blank(s[at]) && s[at] != '/' &&
         s[at] != '>') {
    out.name.push_back(lower(s[at++]));
  }
  while (at < s.size() && is_blank(s[at])) ++at;
  if (at >= s.size() || s[at] != '=') return true;
  ++at;
  while (at < s.size() && is_blank(s[at])) ++at;
  if (at >= s.size() || s[at] == '>') return true;
  if (s[at] == '"' || s[at] == '\'') {
    const char quote = s[at++];
    while (at < s.size() && s[at] != quote) out.value.push_back(lower(s[at++]));
    if (at < s.size()) ++at;
    return true;
  }
  while (at < s.size() && !is_blank(s[at]) && s[at] != '>') out.value.push_back(lower(s[at++]));
  return true;
}

}  // namespace

std::string_view prescan_meta(std::string_view bytes, size_t limit) {
  const std::string_view s = bytes.substr(0, limit);
  size_t at = 0;
  while (at < s.size()) {
    const size_t open = s.find('<', at);
    if (open == std::string_view::npos) return "";
    at = open;
    const std::string_view rest = s.substr(at);
    if (rest.starts_with("<!--")) {
      const size_t close = s.find("-->", at + 2);
      if (close == std::string_view::npos) return "";
      at = close + 2;
    } else if (starts_with_folded(rest, "<meta") && rest.size() > 5 &&
               (is_blank(rest[5]) || rest[5] == '/')) {
      at += 5;
      bool got_pragma = false;
      int need_pragma = -1;  // -1: not known yet
      std::string_view charset;
      std::string seen;
      Attribute a;
      while (get_attribute(s, at, a)) {
        const std::string key = '|' + a.name + '|';
        if (seen.find(key) != std::string::npos) continue;
        seen += key;
        if (a.name == "http-equiv") {
          got_pragma = got_pragma || a.value == "content-type";
        } else if (a.name == "content" && charset.empty()) {
          charset = encoding_for_label(charset_of_content_type(a.value));
          if (!charset.empty()) need_pragma = 1;
        } else if (a.name == "charset") {
          charset = encoding_for_label(a.value);
          need_pragma = 0;
        }
      }
      if (need_pragma < 0 || (need_pragma == 1 && !got_pragma) || charset.empty()) continue;
      if (charset.starts_with("utf-16")) return "utf-8";
      return charset == "x-user-defined" ? std::string_view("windows-1252") : charset;
    } else if (rest.size() > 1 &&
               (is_alpha(rest[1]) || (rest[1] == '/' && rest.size() > 2 && is_alpha(rest[2])))) {
      while (at < s.size() && !is_blank(s[at]) && s[at] != '>') ++at;
      Attribute a;
      while (get_attribute(s, at, a)) {
      }
    } else if (rest.size() > 1 && (rest[1] == '!' || rest[1] == '/' || rest[1] == '?')) {
      const size_t close = s.find('>', at);
      if (close == std::string_view::npos) return "";
      at = close;
    }
    ++at;
  }
  return "";
}

}  // namespace leam::text
