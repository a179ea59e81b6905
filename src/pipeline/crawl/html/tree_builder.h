// Tree construction (HTML standard, section 13.2.6). Private to this folder.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "pipeline/crawl/html/dom.h"
#include "pipeline/crawl/html/parse.h"
#include "pipeline/crawl/html/tokenizer.h"

namespace leam::crawl::html {

class TreeBuilder {
 public:
  TreeBuilder(std::string_view page, const ParseOptions& options, Document& document);
  void run();
  void run_fragment(Ns ns, std::string_view name);

 private:
  enum class Mode : uint8_t {
    kInitial,
    kBeforeHtml,
    kBeforeHead,
    kInHead,
    kInHeadNoscript,
    kAfterHead,
    kInBody,
    kText,
    kInTable,
    kInTableText,
    kInCaption,
    kInColumnGroup,
    kInTableBody,
    kInRow,
    kInCell,
    kInTemplate,
    kAfterBody,
    kInFrameset,
    kAfterFrameset,
    kAfterAfterBody,
    kAfterAfterFrameset,
  };
  using Type = Token::Type;
  struct Place {
    Node* parent;
    Node* before;  // null: at the end
  };

  // A handler returns true when it is done with the token, false to have it processed again (in another
  // mode).
  bool handle(Mode mode, Token& t);
  bool initial(Token& t);
  bool before_html(Token& t);
  bool before_head(Token& t);
  bool in_head(Token& t);
  bool in_head_noscript(Token& t);
  bool after_head(Token& t);
  bool in_body(Token& t);
  bool in_body_start(Token& t);
  bool in_body_end(Token& t);
  bool in_text(Token& t);
  bool in_table(Token& t);
  bool in_table_text(Token& t);
  bool in_table_anything(Token& t);
  bool in_caption(Token& t);
  bool in_column_group(Token& t);
  bool in_table_body(Token& t);
  bool in_row(Token& t);
  bool in_cell(Token& t);
  bool in_template(Token& t);
  bool after_body(Token& t);
  bool in_frameset(Token& t);
  bool after_frameset(Token& t);
  bool after_after_body(Token& t);
  bool after_after_frameset(Token& t);
  bool in_foreign(Token& t);

  void dispatch(Token& t);
  bool is_foreign_case(const Token& t) const;
  bool flattened(Token& t);
  bool over_limit();

  // The stack of open elements.
  Node* current() const { return open_.back(); }
  Node* adjusted_current() const {
    return context_ != nullptr && open_.size() == 1 ? context_ : open_.back();
  }
  void push(Node* n);
  void pop();
  void pop_until(Tag tag);           // and with it
  void pop_until_any(TagSet tags);   // and with it
  void clear_stack_to(TagSet tags);  // without it
  void remove_open(size_t index);
  bool is_open(const Node* n) const;
  size_t open_index(const Node* n) const;
  bool in_scope(TagSet wanted, TagSet barriers);
  bool in_scope(Tag tag);
  bool node_in_scope(const Node* n);
  bool p_in_button_scope();
  bool in_table_scope(Tag tag);
  void close_p();
  void implied_end_tags(TagSet except = {});
  void implied_end_tags_thoroughly();
  void reset_mode();
  void close_cell();

  // Nodes.
  Node* make(NodeType type);
  Node* make_element(Tag tag, Ns ns, std::string_view name, const std::vector<Attr>& attrs);
  Node* clone_element(const Node* n);
  Node* element_for(const Token& t);
  Place appropriate_place(Node* target);
  Place appropriate_place() { return appropriate_place(current()); }
  void insert_at(Place place, Node* n);
  static void detach(Node* n);
  Node* insert_element(const Token& t);  // HTML namespace, pushed
  Node* insert_void(const Token& t);     // not pushed
  Node* insert_foreign(const Token& t, Ns ns, bool push_it);
  void insert_text(std::string_view s);
  void insert_text_without_nul(const Token& t);
  void insert_comment(const Token& t, Node* parent);
  void insert_comment(const Token& t) { insert_comment(t, nullptr); }
  void merge_attributes(Node* n);
  void raw_element(const Token& t, Tokenizer::State state);
  Node* insert_implied(Tag tag);

  // The list of active formatting elements; null is a marker.
  void push_formatting(Node* n);
  void push_marker() { formatting_.push_back(nullptr); }
  void clear_formatting_to_marker();
  void reconstruct_formatting();
  void remove_formatting(const Node* n);
  Node* formatting_after_marker(Tag tag) const;
  bool adoption_agency(const Token& t);
  void any_other_end_tag(const Token& t);

  static constexpr size_t kMaxFormatting = 256;

  Tokenizer tokenizer_;
  const ParseOptions options_;
  Document& doc_;
  size_t page_bytes_;
  uint64_t steps_ = 0;  // of searching in stacks; bounds the work
  Mode mode_ = Mode::kInitial, original_mode_ = Mode::kInitial;
  std::vector<Mode> template_modes_;
  std::vector<Node*> open_;
  std::array<uint32_t, 256> open_count_{};  // of each tag in open_
  std::vector<Node*> formatting_;
  std::vector<Tag> overflow_;  // start tags flattened at max_depth whose end tags have not come yet
  std::vector<std::string_view> table_text_;
  bool table_text_blank_ = true;
  Node* head_ = nullptr;
  Node* form_ = nullptr;
  Node* context_ = nullptr;
  bool frameset_ok_ = true;
  bool foster_ = false;
  bool skip_newline_ = false;
  bool stopped_ = false;
};

inline bool is_html_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

// Bytes of white space that `s` starts with.
inline size_t leading_space(std::string_view s) {
  size_t n = 0;
  while (n < s.size() && is_html_space(s[n])) ++n;
  return n;
}

bool quirks_doctype(const Token& t);
// Names as foreign content spells them: "foreignobject" → "foreignObject".
std::string_view adjusted_svg_name(std::string_view lower);
std::string_view adjusted_attribute(std::string_view lower, Ns ns);
Tag foreign_tag(Ns ns, std::string_view adjusted_name);

inline constexpr TagSet kScope{Tag::kApplet,
                               Tag::kCaption,
                               Tag::kHtml,
                               Tag::kTable,
                               Tag::kTd,
                               Tag::kTh,
                               Tag::kMarquee,
                               Tag::kObject,
                               Tag::kSelect,
                               Tag::kTemplate,
                               Tag::kMathMi,
                               Tag::kMathMo,
                               Tag::kMathMn,
                               Tag::kMathMs,
                               Tag::kMathMtext,
                               Tag::kMathAnnotationXml,
                               Tag::kSvgForeignObject,
                               Tag::kSvgDesc,
                               Tag::kSvgTitle};
inline constexpr TagSet kListScope = kScope | TagSet{Tag::kOl, Tag::kUl};
inline constexpr TagSet kButtonScope = kScope | TagSet{Tag::kButton};
inline constexpr TagSet kTableScope{Tag::kHtml, Tag::kTable, Tag::kTemplate};
inline constexpr TagSet kImplied{Tag::kDd, Tag::kDt, Tag::kLi, Tag::kOptgroup, Tag::kOption,
                                 Tag::kP,  Tag::kRb, Tag::kRp, Tag::kRt,       Tag::kRtc};
inline constexpr TagSet kTableParts{Tag::kCaption, Tag::kCol, Tag::kColgroup, Tag::kTbody, Tag::kTd,
                                    Tag::kTfoot,   Tag::kTh,  Tag::kThead,    Tag::kTr};
inline constexpr TagSet kHeadContent{Tag::kBase,     Tag::kBasefont, Tag::kBgsound, Tag::kLink,
                                     Tag::kMeta,     Tag::kNoframes, Tag::kScript,  Tag::kStyle,
                                     Tag::kTemplate, Tag::kTitle};
inline constexpr TagSet kFormatting{Tag::kA,      Tag::kB,      Tag::kBig,  Tag::kCode, Tag::kEm,
                                    Tag::kFont,   Tag::kI,      Tag::kNobr, Tag::kS,    Tag::kSmall,
                                    Tag::kStrike, Tag::kStrong, Tag::kTt,   Tag::kU};
inline constexpr TagSet kSpecial{Tag::kAddress,
                                 Tag::kApplet,
                                 Tag::kArea,
                                 Tag::kArticle,
                                 Tag::kAside,
                                 Tag::kBase,
                                 Tag::kBasefont,
                                 Tag::kBgsound,
                                 Tag::kBlockquote,
                                 Tag::kBody,
                                 Tag::kBr,
                                 Tag::kButton,
                                 Tag::kCaption,
                                 Tag::kCenter,
                                 Tag::kCol,
                                 Tag::kColgroup,
                                 Tag::kDd,
                                 Tag::kDetails,
                                 Tag::kDir,
                                 Tag::kDiv,
                                 Tag::kDl,
                                 Tag::kDt,
                                 Tag::kEmbed,
                                 Tag::kFieldset,
                                 Tag::kFigcaption,
                                 Tag::kFigure,
                                 Tag::kFooter,
                                 Tag::kForm,
                                 Tag::kFrame,
                                 Tag::kFrameset,
                                 Tag::kH1,
                                 Tag::kH2,
                                 Tag::kH3,
                                 Tag::kH4,
                                 Tag::kH5,
                                 Tag::kH6,
                                 Tag::kHead,
                                 Tag::kHeader,
                                 Tag::kHgroup,
                                 Tag::kHr,
                                 Tag::kHtml,
                                 Tag::kIframe,
                                 Tag::kImg,
                                 Tag::kInput,
                                 Tag::kKeygen,
                                 Tag::kLi,
                                 Tag::kLink,
                                 Tag::kListing,
                                 Tag::kMain,
                                 Tag::kMarquee,
                                 Tag::kMenu,
                                 Tag::kMeta,
                                 Tag::kNav,
                                 Tag::kNoembed,
                                 Tag::kNoframes,
                                 Tag::kNoscript,
                                 Tag::kObject,
                                 Tag::kOl,
                                 Tag::kP,
                                 Tag::kParam,
                                 Tag::kPlaintext,
                                 Tag::kPre,
                                 Tag::kScript,
                                 Tag::kSearch,
                                 Tag::kSection,
                                 Tag::kSelect,
                                 Tag::kSource,
                                 Tag::kStyle,
                                 Tag::kSummary,
                                 Tag::kTable,
                                 Tag::kTbody,
                                 Tag::kTd,
                                 Tag::kTemplate,
                                 Tag::kTextarea,
                                 Tag::kTfoot,
                                 Tag::kTh,
                                 Tag::kThead,
                                 Tag::kTitle,
                                 Tag::kTr,
                                 Tag::kTrack,
                                 Tag::kUl,
                                 Tag::kWbr,
                                 Tag::kXmp,
                                 Tag::kMathMi,
                                 Tag::kMathMo,
                                 Tag::kMathMn,
                                 Tag::kMathMs,
                                 Tag::kMathMtext,
                                 Tag::kMathAnnotationXml,
                                 Tag::kSvgForeignObject,
                                 Tag::kSvgDesc,
                                 Tag::kSvgTitle};

}  // namespace leam::crawl::html
