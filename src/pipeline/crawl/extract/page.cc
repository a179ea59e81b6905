#include "pipeline/crawl/extract/page.h"

#include "base/text/charset.h"
#include "base/text/unicode.h"
#include "base/text/utf8.h"
#include "pipeline/crawl/extract/main_text.h"
#include "pipeline/crawl/extract/metadata.h"

namespace leam::crawl {

ExtractedPage Extractor::extract(std::string_view bytes, const PageHints& hints) {
  const std::string_view head = bytes.substr(0, options_.max_page_bytes);
  const text::Decoded decoded = text::decode_page(head, hints.content_type);
  ExtractedPage page = extract_decoded(decoded.text, hints);
  page.encoding = decoded.encoding;
  page.replaced = decoded.replaced;
  page.truncated = page.truncated || head.size() < bytes.size();
  return page;
}

ExtractedPage Extractor::extract_decoded(std::string_view text, const PageHints& hints) {
  ExtractedPage page;
  const std::string_view head = text::utf8_prefix(text, options_.max_page_bytes);
  html::parse_into(head, options_.parse, document_);
  page.encoding = "utf-8";
  page.truncated = document_.truncated || head.size() < text.size();
  read_metadata(document_, hints, page);
  page.text = tidy_text(main_text(document_));
  return page;
}

ExtractedPage extract_page(std::string_view bytes, const PageHints& hints, const ExtractOptions& options) {
  return Extractor(options).extract(bytes, hints);
}

namespace {

// Bytes that some rule of tidy_text is about: white space, controls, and the lead bytes of the invisible.
bool is_plain(char c) {
  const auto b = static_cast<uint8_t>(c);
  return b > 0x20 && b != 0x7F && b != 0xC2 && b != 0xE1 && b != 0xE2 && b != 0xE3 && b != 0xEF && b < 0xF0;
}

}  // namespace

std::string tidy_text(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  bool space = false, tab = false, newline = false;
  std::string indent;  // blanks that a line begins with: code keeps them
  size_t i = 0;
  while (i < s.size()) {
    if (!is_plain(s[i])) {
      size_t after = i;
      const char32_t c = text::next_code_point(s, after);
      if (c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x0B || c == 0x0C || c == 0x85) {
        newline = true;
        indent.clear();
        i = after;
        continue;
      }
      if (newline && (c == ' ' || c == '\t') && !out.empty()) {
        if (indent.size() < 64) indent.push_back(s[i]);
        i = after;
        continue;
      }
      if (c == '\t') {
        tab = true;
        i = after;
        continue;
      }
      if (text::is_space(c)) {
        space = true;
        i = after;
        continue;
      }
      // Invisible: soft hyphen, zero-width space, byte order mark, controls, private use.
      if (c == 0xAD || c == 0x200B || c == 0xFEFF || text::is_control(c)) {
        i = after;
        continue;
      }
    }
    size_t end = i;
    while (end < s.size() && is_plain(s[end])) ++end;
    if (end == i) text::next_code_point(s, end);
    if (!out.empty()) {
      if (newline) {
        out.push_back('\n');
        out.append(indent);
      } else if (tab) {
        out.push_back('\t');
      } else if (space) {
        out.push_back(' ');
      }
    }
    space = tab = newline = false;
    indent.clear();
    out.append(s.substr(i, end - i));
    i = end;
  }
  return text::nfc(std::move(out));
}

}  // namespace leam::crawl
