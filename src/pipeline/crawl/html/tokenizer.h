// Tokens of a page: the tokenization stage of the HTML standard (section 13.2.5) over text that lies in
// memory as a whole. Because it does, the standard's eighty states become scans for the next byte that
// matters; the tokens are the same. Strings of a token point into the page where it says what they say,
// else (references decoded, line ends normalised) into the arena.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/crawl/html/arena.h"
#include "pipeline/crawl/html/dom.h"

namespace leam::crawl::html {

struct Token {
  enum class Type : uint8_t { kText, kStartTag, kEndTag, kComment, kDoctype, kEof };
  Type type = Type::kEof;
  Tag tag = Tag::kUnknown;
  bool self_closing = false;
  bool has_nul = false;       // kText: contains U+0000, which tree construction drops or replaces
  bool force_quirks = false;  // kDoctype
  bool has_public = false, has_system = false;
  std::string_view name;  // of a tag (lower case) or doctype
  std::string_view text;  // kText, kComment
  std::string_view public_id, system_id;
};

class Tokenizer {
 public:
  enum class State : uint8_t { kData, kRcdata, kRawtext, kScript, kPlaintext };
  static constexpr size_t kMaxAttributes = 256;  // of one tag; further ones are dropped

  // `page` is valid UTF-8 and outlives the tokens.
  Tokenizer(std::string_view page, Arena& arena)
      : arena_(arena), begin_(page.data()), at_(begin_), end_(begin_ + page.size()) {}

  void next(Token& token);

  // Tree construction says in which way the content of an element is read, ended by `tag_name`'s end tag.
  void enter(State state, std::string_view tag_name) {
    state_ = state;
    last_start_ = tag_name;
  }
  // Whether "<![CDATA[" opens a section here: the adjusted current node is a foreign element.
  void allow_cdata(bool yes) { cdata_allowed_ = yes; }
  // Attributes of the tag token that next() returned last.
  const std::vector<Attr>& attributes() const { return attrs_; }
  size_t offset() const { return static_cast<size_t>(at_ - begin_); }

 private:
  using Type = Token::Type;
  void text_run(Token& token, bool references, const char* run_end);
  void data(Token& token);
  void raw(Token& token);
  const char* script_end() const;
  const char* end_tag_after(const char* at) const;
  bool closes_last_start(const char* lt) const;
  void tag(Token& token, bool end_tag);
  bool attribute_list(Token& token);
  void attribute_value(Attr& attr);
  void markup_declaration(Token& token);
  void comment(Token& token);
  void bogus_comment(Token& token);
  void cdata(Token& token);
  void doctype(Token& token);
  bool doctype_identifier(std::string_view& id, bool& closed);
  std::string_view tag_name();
  // Line ends to LF and, if asked, U+0000 to U+FFFD; copies only when there is something to change.
  std::string_view clean(std::string_view s, bool replace_nul);
  std::string_view lower(std::string_view s);
  std::string_view decode(std::string_view s, bool in_attribute, bool keep_nul);

  Arena& arena_;
  const char* begin_;
  const char* at_;
  const char* end_;
  State state_ = State::kData;
  bool cdata_allowed_ = false;
  std::string_view last_start_;
  std::vector<Attr> attrs_;
  std::string scratch_;
};

}  // namespace leam::crawl::html
