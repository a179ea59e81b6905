// Tree construction: nodes, the stack of open elements, and the way a token goes.
#include "pipeline/crawl/html/tree_builder.h"

#include <algorithm>
#include <cstring>

#include "base/core/result.h"

namespace leam::crawl::html {

TreeBuilder::TreeBuilder(std::string_view page, const ParseOptions& options, Document& document)
    : tokenizer_(page, document.arena), options_(options), doc_(document), page_bytes_(page.size()) {
  doc_.arena.reset();
  doc_.quirks = doc_.truncated = false;
  doc_.nodes = 0;
  doc_.cut_at = 0;
  doc_.root = make(NodeType::kDocument);
  open_.reserve(64);
}

void TreeBuilder::run() {
  Token t;
  while (true) {
    tokenizer_.allow_cdata(!open_.empty() && adjusted_current()->ns != Ns::kHtml);
    tokenizer_.next(t);
    if (t.type != Type::kEof && over_limit()) {
      doc_.truncated = true;
      doc_.cut_at = tokenizer_.offset();
      t = Token();
    }
    const bool end = t.type == Type::kEof;
    dispatch(t);
    if (end) return;
  }
}

bool TreeBuilder::over_limit() {
  // A page takes a few steps a byte; one that is built to take thousands is cut off.
  return doc_.nodes > options_.max_nodes || doc_.arena.used() > options_.max_memory ||
         steps_ > (uint64_t{1} << 24) + uint64_t{64} * page_bytes_;
}

bool TreeBuilder::is_foreign_case(const Token& t) const {
  if (open_.empty() || t.type == Type::kEof) return false;
  const Node* n = adjusted_current();
  if (n->ns == Ns::kHtml) return false;
  const bool mathml_text = n->tag == Tag::kMathMi || n->tag == Tag::kMathMo || n->tag == Tag::kMathMn ||
                           n->tag == Tag::kMathMs || n->tag == Tag::kMathMtext;
  const bool start = t.type == Type::kStartTag;
  if (mathml_text) {
    if (start && t.name != "mglyph" && t.name != "malignmark") return false;
    if (t.type == Type::kText) return false;
  }
  if (n->tag == Tag::kMathAnnotationXml && start && t.tag == Tag::kSvg) return false;
  bool html_point = n->tag == Tag::kSvgForeignObject || n->tag == Tag::kSvgDesc || n->tag == Tag::kSvgTitle;
  if (n->tag == Tag::kMathAnnotationXml) {
    const std::string_view encoding = n->attr("encoding");
    const auto is = [&](std::string_view wanted) {
      return std::equal(encoding.begin(), encoding.end(), wanted.begin(), wanted.end(),
                        [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
    };
    html_point = is("text/html") || is("application/xhtml+xml");
  }
  return !(html_point && (start || t.type == Type::kText));
}

void TreeBuilder::dispatch(Token& t) {
  if (skip_newline_) {
    skip_newline_ = false;
    if (t.type == Type::kText && t.text.front() == '\n') {
      t.text.remove_prefix(1);
      if (t.text.empty()) return;
    }
  }
  if ((open_.size() >= options_.max_depth || !overflow_.empty()) && flattened(t)) return;
  while (!(is_foreign_case(t) ? in_foreign(t) : handle(mode_, t))) {
  }
}

// At the depth limit: elements become empty leaves of the current node and are not opened.
bool TreeBuilder::flattened(Token& t) {
  if (t.type == Type::kStartTag) {
    constexpr TagSet kAsUsual =
        kVoid | TagSet{Tag::kScript, Tag::kStyle,   Tag::kTextarea, Tag::kTitle,    Tag::kXmp,
                       Tag::kIframe, Tag::kNoembed, Tag::kNoframes, Tag::kPlaintext};
    if (kAsUsual.has(t.tag)) return false;
    ++steps_;
    const Ns ns = adjusted_current()->ns;
    if (ns == Ns::kHtml) {
      insert_at({current()->is(Tag::kTemplate) ? current()->first : current(), nullptr}, element_for(t));
    } else {
      insert_foreign(t, ns, false);
    }
    if (!t.self_closing || ns == Ns::kHtml) overflow_.push_back(t.tag);
    return true;
  }
  if (t.type == Type::kEndTag && !overflow_.empty() && overflow_.back() == t.tag) {
    overflow_.pop_back();
    return true;
  }
  if (open_.size() < options_.max_depth) overflow_.clear();
  return false;
}

bool TreeBuilder::handle(Mode mode, Token& t) {
  switch (mode) {
    case Mode::kInitial:
      return initial(t);
    case Mode::kBeforeHtml:
      return before_html(t);
    case Mode::kBeforeHead:
      return before_head(t);
    case Mode::kInHead:
      return in_head(t);
    case Mode::kInHeadNoscript:
      return in_head_noscript(t);
    case Mode::kAfterHead:
      return after_head(t);
    case Mode::kInBody:
      return in_body(t);
    case Mode::kText:
      return in_text(t);
    case Mode::kInTable:
      return in_table(t);
    case Mode::kInTableText:
      return in_table_text(t);
    case Mode::kInCaption:
      return in_caption(t);
    case Mode::kInColumnGroup:
      return in_column_group(t);
    case Mode::kInTableBody:
      return in_table_body(t);
    case Mode::kInRow:
      return in_row(t);
    case Mode::kInCell:
      return in_cell(t);
    case Mode::kInTemplate:
      return in_template(t);
    case Mode::kAfterBody:
      return after_body(t);
    case Mode::kInFrameset:
      return in_frameset(t);
    case Mode::kAfterFrameset:
      return after_frameset(t);
    case Mode::kAfterAfterBody:
      return after_after_body(t);
    case Mode::kAfterAfterFrameset:
      return after_after_frameset(t);
  }
  bug("insertion mode");
}

// --- nodes ---

Node* TreeBuilder::make(NodeType type) {
  Node* n = doc_.arena.make<Node>();
  *n = Node();
  n->type = type;
  ++doc_.nodes;
  return n;
}

Node* TreeBuilder::make_element(Tag tag, Ns ns, std::string_view name, const std::vector<Attr>& attrs) {
  Node* n = make(NodeType::kElement);
  n->tag = tag;
  n->ns = ns;
  if (tag == Tag::kUnknown || ns != Ns::kHtml) n->data = name;
  if (!attrs.empty()) {
    n->n_attrs = static_cast<uint16_t>(attrs.size());
    n->attrs = doc_.arena.make<Attr>(attrs.size());
    std::memcpy(static_cast<void*>(n->attrs), attrs.data(), attrs.size() * sizeof(Attr));
  }
  if (tag == Tag::kTemplate && ns == Ns::kHtml) {
    Node* content = make(NodeType::kContent);
    content->parent = n;
    n->first = n->last = content;
  }
  return n;
}

Node* TreeBuilder::clone_element(const Node* from) {
  Node* n = make(NodeType::kElement);
  n->tag = from->tag;
  n->ns = from->ns;
  n->data = from->data;
  n->attrs = from->attrs;  // attributes never change once an element is made, but for html and body
  n->n_attrs = from->n_attrs;
  return n;
}

Node* TreeBuilder::element_for(const Token& t) {
  return make_element(t.tag, Ns::kHtml, t.name, tokenizer_.attributes());
}

void TreeBuilder::detach(Node* n) {
  if (n->parent == nullptr) return;
  (n->prev != nullptr ? n->prev->next : n->parent->first) = n->next;
  (n->next != nullptr ? n->next->prev : n->parent->last) = n->prev;
  n->parent = n->prev = n->next = nullptr;
}

void TreeBuilder::insert_at(Place place, Node* n) {
  n->parent = place.parent;
  n->next = place.before;
  n->prev = place.before != nullptr ? place.before->prev : place.parent->last;
  (n->prev != nullptr ? n->prev->next : place.parent->first) = n;
  (place.before != nullptr ? place.before->prev : place.parent->last) = n;
}

// "The appropriate place for inserting a node", foster parenting included.
TreeBuilder::Place TreeBuilder::appropriate_place(Node* target) {
  constexpr TagSet kFostering{Tag::kTable, Tag::kTbody, Tag::kTfoot, Tag::kThead, Tag::kTr};
  Place place{target, nullptr};
  if (foster_ && kFostering.has(target->tag)) {
    size_t last_table = 0, last_template = 0;  // index + 1
    for (size_t i = open_.size(); i > 0 && (last_table == 0 || last_template == 0); --i) {
      ++steps_;
      if (last_table == 0 && open_[i - 1]->is(Tag::kTable)) last_table = i;
      if (last_template == 0 && open_[i - 1]->is(Tag::kTemplate)) last_template = i;
    }
    if (last_template != 0 && last_template > last_table) {
      place = {open_[last_template - 1], nullptr};
    } else if (last_table == 0) {
      place = {open_[0], nullptr};
    } else if (Node* table = open_[last_table - 1]; table->parent != nullptr) {
      place = {table->parent, table};
    } else {
      place = {open_[last_table - 2], nullptr};
    }
  }
  if (place.parent->is(Tag::kTemplate)) place.parent = place.parent->first;
  return place;
}

Node* TreeBuilder::insert_element(const Token& t) {
  Node* n = element_for(t);
  insert_at(appropriate_place(), n);
  push(n);
  return n;
}

Node* TreeBuilder::insert_implied(Tag tag) {
  Node* n = make_element(tag, Ns::kHtml, {}, {});
  insert_at(appropriate_place(), n);
  push(n);
  return n;
}

Node* TreeBuilder::insert_void(const Token& t) {
  Node* n = element_for(t);
  insert_at(appropriate_place(), n);
  return n;
}

void TreeBuilder::insert_text(std::string_view s) {
  if (s.empty()) return;
  const Place place = appropriate_place();
  if (place.parent->type == NodeType::kDocument) return;
  Node* before = place.before != nullptr ? place.before->prev : place.parent->last;
  if (before == nullptr || !before->is_text()) {
    Node* n = make(NodeType::kText);
    n->data = s;
    insert_at(place, n);
    return;
  }
  // Grow the text that is there: in the page itself if the new piece follows it, else in the arena, by
  // doubling.
  const std::string_view old = before->data;
  if (before->room == 0 && old.data() + old.size() == s.data()) {
    before->data = {old.data(), old.size() + s.size()};
    return;
  }
  const size_t size = old.size() + s.size();
  char* to = const_cast<char*>(old.data());
  if (before->room < size) {
    const size_t room = std::min<size_t>(size * 2 + 32, UINT32_MAX);
    if (size > room) return;  // a text of 4 GiB: limits end the page long before
    to = doc_.arena.make<char>(room);
    std::memcpy(to, old.data(), old.size());
    before->room = static_cast<uint32_t>(room);
  }
  std::memcpy(to + old.size(), s.data(), s.size());
  before->data = {to, size};
}

void TreeBuilder::insert_text_without_nul(const Token& t) {
  if (!t.has_nul) return insert_text(t.text);
  std::string_view rest = t.text;
  while (!rest.empty()) {
    const size_t nul = rest.find('\0');
    insert_text(rest.substr(0, nul));
    rest = nul == std::string_view::npos ? std::string_view() : rest.substr(nul + 1);
  }
}

void TreeBuilder::insert_comment(const Token& t, Node* parent) {
  Node* n = make(NodeType::kComment);
  n->data = t.text;
  insert_at(parent != nullptr ? Place{parent, nullptr} : appropriate_place(), n);
}

// Attributes of a second <html> or <body> that the first one did not have.
void TreeBuilder::merge_attributes(Node* n) {
  std::vector<Attr> all(n->attrs, n->attrs + n->n_attrs);
  for (const Attr& a : tokenizer_.attributes()) {
    if (!n->has_attr(a.name) && all.size() < Tokenizer::kMaxAttributes) all.push_back(a);
  }
  if (all.size() == n->n_attrs) return;
  n->n_attrs = static_cast<uint16_t>(all.size());
  n->attrs = doc_.arena.make<Attr>(all.size());
  std::memcpy(static_cast<void*>(n->attrs), all.data(), all.size() * sizeof(Attr));
}

void TreeBuilder::raw_element(const Token& t, Tokenizer::State state) {
  insert_element(t);
  tokenizer_.enter(state, t.name);
  original_mode_ = mode_;
  mode_ = Mode::kText;
}

// --- the stack of open elements ---

void TreeBuilder::push(Node* n) {
  open_.push_back(n);
  ++open_count_[static_cast<size_t>(n->tag)];
}

void TreeBuilder::pop() {
  --open_count_[static_cast<size_t>(open_.back()->tag)];
  open_.pop_back();
}

void TreeBuilder::pop_until(Tag tag) {
  while (open_.size() > 1) {
    const bool found = current()->tag == tag;
    pop();
    if (found) return;
  }
}

void TreeBuilder::pop_until_any(TagSet tags) {
  while (open_.size() > 1) {
    const bool found = tags.has(current()->tag);
    pop();
    if (found) return;
  }
}

void TreeBuilder::clear_stack_to(TagSet tags) {
  while (!tags.has(current()->tag) && open_.size() > 1) pop();
}

void TreeBuilder::remove_open(size_t index) {
  --open_count_[static_cast<size_t>(open_[index]->tag)];
  open_.erase(open_.begin() + static_cast<ptrdiff_t>(index));
}

size_t TreeBuilder::open_index(const Node* n) const {
  for (size_t i = open_.size(); i > 0; --i) {
    if (open_[i - 1] == n) return i - 1;
  }
  return SIZE_MAX;
}

bool TreeBuilder::is_open(const Node* n) const {
  return open_count_[static_cast<size_t>(n->tag)] > 0 && open_index(n) != SIZE_MAX;
}

bool TreeBuilder::in_scope(TagSet wanted, TagSet barriers) {
  for (size_t i = open_.size(); i > 0; --i) {
    ++steps_;
    const Tag tag = open_[i - 1]->tag;
    if (wanted.has(tag)) return true;
    if (barriers.has(tag)) return false;
  }
  return false;
}

bool TreeBuilder::in_scope(Tag tag) {
  return open_count_[static_cast<size_t>(tag)] > 0 && in_scope(TagSet{tag}, kScope);
}

bool TreeBuilder::node_in_scope(const Node* n) {
  for (size_t i = open_.size(); i > 0; --i) {
    ++steps_;
    if (open_[i - 1] == n) return true;
    if (kScope.has(open_[i - 1]->tag)) return false;
  }
  return false;
}

bool TreeBuilder::p_in_button_scope() {
  return open_count_[static_cast<size_t>(Tag::kP)] > 0 && in_scope(TagSet{Tag::kP}, kButtonScope);
}

bool TreeBuilder::in_table_scope(Tag tag) {
  return open_count_[static_cast<size_t>(tag)] > 0 && in_scope(TagSet{tag}, kTableScope);
}

void TreeBuilder::close_p() {
  implied_end_tags(TagSet{Tag::kP});
  pop_until(Tag::kP);
}

void TreeBuilder::implied_end_tags(TagSet except) {
  const TagSet tags = kImplied - except;
  while (tags.has(current()->tag)) pop();
}

void TreeBuilder::implied_end_tags_thoroughly() {
  const TagSet tags = kImplied | (kTableParts - TagSet{Tag::kCol});
  while (tags.has(current()->tag)) pop();
}

void TreeBuilder::close_cell() {
  implied_end_tags();
  pop_until_any(TagSet{Tag::kTd, Tag::kTh});
  clear_formatting_to_marker();
  mode_ = Mode::kInRow;
}

// "Reset the insertion mode appropriately".
void TreeBuilder::reset_mode() {
  for (size_t i = open_.size(); i > 0; --i) {
    const bool last = i == 1;
    const Node* n = last && context_ != nullptr ? context_ : open_[i - 1];
    switch (n->tag) {
      case Tag::kTd:
      case Tag::kTh:
        if (!last) {
          mode_ = Mode::kInCell;
          return;
        }
        break;
      case Tag::kTr:
        mode_ = Mode::kInRow;
        return;
      case Tag::kTbody:
      case Tag::kThead:
      case Tag::kTfoot:
        mode_ = Mode::kInTableBody;
        return;
      case Tag::kCaption:
        mode_ = Mode::kInCaption;
        return;
      case Tag::kColgroup:
        mode_ = Mode::kInColumnGroup;
        return;
      case Tag::kTable:
        mode_ = Mode::kInTable;
        return;
      case Tag::kTemplate:
        mode_ = template_modes_.empty() ? Mode::kInBody : template_modes_.back();
        return;
      case Tag::kHead:
        if (!last) {
          mode_ = Mode::kInHead;
          return;
        }
        break;
      case Tag::kBody:
        mode_ = Mode::kInBody;
        return;
      case Tag::kFrameset:
        mode_ = Mode::kInFrameset;
        return;
      case Tag::kHtml:
        mode_ = head_ == nullptr ? Mode::kBeforeHead : Mode::kAfterHead;
        return;
      default:
        break;
    }
  }
  mode_ = Mode::kInBody;
}

void TreeBuilder::run_fragment(Ns ns, std::string_view name) {
  const Tag tag = ns == Ns::kHtml ? tag_of(name) : foreign_tag(ns, name);
  context_ = make_element(tag, ns, name, {});
  Node* root = make_element(Tag::kHtml, Ns::kHtml, {}, {});
  insert_at({doc_.root, nullptr}, root);
  push(root);
  if (tag == Tag::kTemplate) template_modes_.push_back(Mode::kInTemplate);
  if (ns == Ns::kHtml) {
    constexpr TagSet kRaw{Tag::kStyle, Tag::kXmp, Tag::kIframe, Tag::kNoembed, Tag::kNoframes};
    if (tag == Tag::kTitle || tag == Tag::kTextarea) tokenizer_.enter(Tokenizer::State::kRcdata, name);
    if (kRaw.has(tag)) tokenizer_.enter(Tokenizer::State::kRawtext, name);
    if (tag == Tag::kScript) tokenizer_.enter(Tokenizer::State::kScript, name);
    if (tag == Tag::kPlaintext) tokenizer_.enter(Tokenizer::State::kPlaintext, name);
  }
  reset_mode();
  if (tag == Tag::kForm) form_ = context_;
  run();
}

Document parse(std::string_view page, const ParseOptions& options) {
  Document document;
  parse_into(page, options, document);
  return document;
}

void parse_into(std::string_view page, const ParseOptions& options, Document& document) {
  TreeBuilder(page, options, document).run();
}

Document parse_fragment(std::string_view page, Ns context_ns, std::string_view context_name,
                        const ParseOptions& options) {
  Document document;
  TreeBuilder(page, options, document).run_fragment(context_ns, context_name);
  return document;
}

}  // namespace leam::crawl::html
