// One page in, its text and what it says about itself out: the whole of extraction as one function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/crawl/html/dom.h"
#include "pipeline/crawl/html/parse.h"

namespace leam::crawl {

// What is known about a page besides its bytes; empty when not known.
struct PageHints {
  std::string url;
  std::string content_type;     // HTTP header values
  std::string robots_tag;       // X-Robots-Tag
  std::string tdm_reservation;  // tdm-reservation: "1" or "0"
  std::string tdm_policy;
};

struct ExtractedPage {
  std::string
      text;  // main text: UTF-8 in normal form C, one paragraph, heading, list item or table row a line
  std::string title;
  std::string date;    // of publication, ISO 8601 (a day, or with time when the page gives one)
  std::string author;  // names separated by "; "
  std::string canonical;
  std::string language;            // as the page declares it (html lang, Content-Language), a BCP 47 tag
  std::string licence;             // URL of a Creative Commons licence, or what rel=license names
  std::string licence_from;        // "meta", "json-ld", "link", "anchor"
  bool licence_disagrees = false;  // another place of the page names another licence
  std::string robots;              // robots meta and X-Robots-Tag, lower case, "noindex, nofollow"
  std::string tdm;                 // "reserved", "allowed", "" (nothing said)
  std::string tdm_policy;
  std::string encoding;    // of the bytes
  uint64_t replaced = 0;   // bytes that were no text in that encoding
  bool truncated = false;  // the page was over a limit and only its beginning was read
};

struct ExtractOptions {
  size_t max_page_bytes = 64u << 20;  // of a page after decoding; the rest is not read
  html::ParseOptions parse;
};

// Keeps the memory of one page for the next. Not thread-safe: one for each thread.
class Extractor {
 public:
  explicit Extractor(ExtractOptions options = {}) : options_(options) {}
  ExtractedPage extract(std::string_view bytes, const PageHints& hints);
  // The same for text that is already UTF-8 (a JSON record's field).
  ExtractedPage extract_decoded(std::string_view page, const PageHints& hints);

 private:
  ExtractOptions options_;
  html::Document document_;
};

ExtractedPage extract_page(std::string_view bytes, const PageHints& hints,
                           const ExtractOptions& options = {});

// Text of one node as read aloud: white space collapsed, no markup.
std::string inline_text(const html::Node* root);

// White space collapsed within lines, empty lines and invisible characters removed, normal form C.
std::string tidy_text(std::string_view utf8);

}  // namespace leam::crawl
