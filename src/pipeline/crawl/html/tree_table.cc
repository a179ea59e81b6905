// Tree construction: the insertion modes inside tables.
#include "pipeline/crawl/html/tree_builder.h"

namespace leam::crawl::html {
namespace {

constexpr TagSet kTableContext{Tag::kTable, Tag::kTemplate, Tag::kHtml};
constexpr TagSet kBodyContext{Tag::kTbody, Tag::kTfoot, Tag::kThead, Tag::kTemplate, Tag::kHtml};
constexpr TagSet kRowContext{Tag::kTr, Tag::kTemplate, Tag::kHtml};
constexpr TagSet kSections{Tag::kTbody, Tag::kTfoot, Tag::kThead};
constexpr TagSet kCells{Tag::kTd, Tag::kTh};

}  // namespace

bool TreeBuilder::in_table_anything(Token& t) {
  foster_ = true;
  const bool done = in_body(t);
  foster_ = false;
  return done;
}

bool TreeBuilder::in_table(Token& t) {
  switch (t.type) {
    case Type::kText:
      if (TagSet{Tag::kTable, Tag::kTbody, Tag::kTemplate, Tag::kTfoot, Tag::kThead, Tag::kTr}.has(
              current()->tag)) {
        table_text_.clear();
        table_text_blank_ = true;
        original_mode_ = mode_;
        mode_ = Mode::kInTableText;
        return false;
      }
      break;
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kDoctype:
      return true;
    case Type::kEof:
      return in_body(t);
    case Type::kStartTag:
      switch (t.tag) {
        case Tag::kCaption:
          clear_stack_to(kTableContext);
          push_marker();
          insert_element(t);
          mode_ = Mode::kInCaption;
          return true;
        case Tag::kColgroup:
          clear_stack_to(kTableContext);
          insert_element(t);
          mode_ = Mode::kInColumnGroup;
          return true;
        case Tag::kCol:
          clear_stack_to(kTableContext);
          insert_implied(Tag::kColgroup);
          mode_ = Mode::kInColumnGroup;
          return false;
        case Tag::kTbody:
        case Tag::kTfoot:
        case Tag::kThead:
          clear_stack_to(kTableContext);
          insert_element(t);
          mode_ = Mode::kInTableBody;
          return true;
        case Tag::kTd:
        case Tag::kTh:
        case Tag::kTr:
          clear_stack_to(kTableContext);
          insert_implied(Tag::kTbody);
          mode_ = Mode::kInTableBody;
          return false;
        case Tag::kTable:
          if (!in_table_scope(Tag::kTable)) return true;
          pop_until(Tag::kTable);
          reset_mode();
          return false;
        case Tag::kStyle:
        case Tag::kScript:
        case Tag::kTemplate:
          return in_head(t);
        case Tag::kInput: {
          std::string_view type;
          for (const Attr& a : tokenizer_.attributes()) {
            if (a.name == "type") type = a.value;
          }
          const std::string_view hidden = "hidden";
          if (type.size() != hidden.size()) break;
          bool is_hidden = true;
          for (size_t i = 0; i < hidden.size(); ++i) is_hidden = is_hidden && (type[i] | 32) == hidden[i];
          if (!is_hidden) break;
          insert_void(t);
          return true;
        }
        case Tag::kForm:
          if (open_count_[static_cast<size_t>(Tag::kTemplate)] > 0 || form_ != nullptr) return true;
          form_ = insert_element(t);
          pop();
          return true;
        default:
          break;
      }
      break;
    case Type::kEndTag:
      switch (t.tag) {
        case Tag::kTable:
          if (!in_table_scope(Tag::kTable)) return true;
          pop_until(Tag::kTable);
          reset_mode();
          return true;
        case Tag::kBody:
        case Tag::kCaption:
        case Tag::kCol:
        case Tag::kColgroup:
        case Tag::kHtml:
        case Tag::kTbody:
        case Tag::kTd:
        case Tag::kTfoot:
        case Tag::kTh:
        case Tag::kThead:
        case Tag::kTr:
          return true;
        case Tag::kTemplate:
          return in_head(t);
        default:
          break;
      }
      break;
  }
  return in_table_anything(t);
}

bool TreeBuilder::in_table_text(Token& t) {
  if (t.type == Type::kText) {
    std::string_view rest = t.text;
    while (!rest.empty()) {  // without U+0000
      const size_t nul = t.has_nul ? rest.find('\0') : std::string_view::npos;
      const std::string_view piece = rest.substr(0, nul);
      if (!piece.empty()) table_text_.push_back(piece);
      table_text_blank_ = table_text_blank_ && leading_space(piece) == piece.size();
      rest = nul == std::string_view::npos ? std::string_view() : rest.substr(nul + 1);
    }
    return true;
  }
  mode_ = original_mode_;
  Token text;
  text.type = Type::kText;
  for (std::string_view piece : table_text_) {
    if (table_text_blank_) {
      insert_text(piece);
    } else {
      text.text = piece;
      in_table_anything(text);
    }
  }
  table_text_.clear();
  return false;
}

bool TreeBuilder::in_caption(Token& t) {
  const bool ends = t.type == Type::kEndTag && (t.tag == Tag::kCaption || t.tag == Tag::kTable);
  const bool broken = t.type == Type::kStartTag && kTableParts.has(t.tag);
  if (ends || broken) {
    if (!in_table_scope(Tag::kCaption)) return true;
    implied_end_tags();
    pop_until(Tag::kCaption);
    clear_formatting_to_marker();
    mode_ = Mode::kInTable;
    return ends && t.tag == Tag::kCaption;
  }
  if (t.type == Type::kEndTag && (kTableParts.has(t.tag) || t.tag == Tag::kBody || t.tag == Tag::kHtml))
    return true;
  return in_body(t);
}

bool TreeBuilder::in_column_group(Token& t) {
  switch (t.type) {
    case Type::kText: {
      const size_t n = leading_space(t.text);
      insert_text(t.text.substr(0, n));
      t.text.remove_prefix(n);
      if (t.text.empty()) return true;
      break;
    }
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kDoctype:
      return true;
    case Type::kEof:
      return in_body(t);
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      if (t.tag == Tag::kCol) {
        insert_void(t);
        return true;
      }
      if (t.tag == Tag::kTemplate) return in_head(t);
      break;
    case Type::kEndTag:
      if (t.tag == Tag::kColgroup) {
        if (!current()->is(Tag::kColgroup)) return true;
        pop();
        mode_ = Mode::kInTable;
        return true;
      }
      if (t.tag == Tag::kCol) return true;
      if (t.tag == Tag::kTemplate) return in_head(t);
      break;
  }
  if (!current()->is(Tag::kColgroup)) return true;
  pop();
  mode_ = Mode::kInTable;
  return false;
}

bool TreeBuilder::in_table_body(Token& t) {
  if (t.type == Type::kStartTag) {
    if (t.tag == Tag::kTr) {
      clear_stack_to(kBodyContext);
      insert_element(t);
      mode_ = Mode::kInRow;
      return true;
    }
    if (kCells.has(t.tag)) {
      clear_stack_to(kBodyContext);
      insert_implied(Tag::kTr);
      mode_ = Mode::kInRow;
      return false;
    }
  }
  if (t.type == Type::kEndTag && kSections.has(t.tag)) {
    if (!in_table_scope(t.tag)) return true;
    clear_stack_to(kBodyContext);
    pop();
    mode_ = Mode::kInTable;
    return true;
  }
  constexpr TagSet kOutside = kTableParts - TagSet{Tag::kTd, Tag::kTh, Tag::kTr};
  if ((t.type == Type::kStartTag && kOutside.has(t.tag)) ||
      (t.type == Type::kEndTag && t.tag == Tag::kTable)) {
    if (!in_scope(kSections, kTableScope)) return true;
    clear_stack_to(kBodyContext);
    pop();
    mode_ = Mode::kInTable;
    return false;
  }
  constexpr TagSet kIgnoredEnds{Tag::kBody, Tag::kCaption, Tag::kCol, Tag::kColgroup,
                                Tag::kHtml, Tag::kTd,      Tag::kTh,  Tag::kTr};
  if (t.type == Type::kEndTag && kIgnoredEnds.has(t.tag)) return true;
  return in_table(t);
}

bool TreeBuilder::in_row(Token& t) {
  const auto end_row = [&] {
    clear_stack_to(kRowContext);
    pop();
    mode_ = Mode::kInTableBody;
  };
  if (t.type == Type::kStartTag) {
    if (kCells.has(t.tag)) {
      clear_stack_to(kRowContext);
      insert_element(t);
      mode_ = Mode::kInCell;
      push_marker();
      return true;
    }
    if (kTableParts.has(t.tag)) {
      if (!in_table_scope(Tag::kTr)) return true;
      end_row();
      return false;
    }
  }
  if (t.type == Type::kEndTag) {
    if (t.tag == Tag::kTr || t.tag == Tag::kTable) {
      if (!in_table_scope(Tag::kTr)) return true;
      end_row();
      return t.tag == Tag::kTr;
    }
    if (kSections.has(t.tag)) {
      if (!in_table_scope(t.tag) || !in_table_scope(Tag::kTr)) return true;
      end_row();
      return false;
    }
    if (TagSet{Tag::kBody, Tag::kCaption, Tag::kCol, Tag::kColgroup, Tag::kHtml, Tag::kTd, Tag::kTh}.has(
            t.tag))
      return true;
  }
  return in_table(t);
}

bool TreeBuilder::in_cell(Token& t) {
  if (t.type == Type::kEndTag) {
    if (kCells.has(t.tag)) {
      if (!in_table_scope(t.tag)) return true;
      implied_end_tags();
      pop_until(t.tag);
      clear_formatting_to_marker();
      mode_ = Mode::kInRow;
      return true;
    }
    if (TagSet{Tag::kBody, Tag::kCaption, Tag::kCol, Tag::kColgroup, Tag::kHtml}.has(t.tag)) return true;
    if (t.tag == Tag::kTable || t.tag == Tag::kTr || kSections.has(t.tag)) {
      if (!in_table_scope(t.tag)) return true;
      close_cell();
      return false;
    }
  }
  if (t.type == Type::kStartTag && kTableParts.has(t.tag)) {
    if (!in_scope(kCells, kTableScope)) return true;
    close_cell();
    return false;
  }
  return in_body(t);
}

}  // namespace leam::crawl::html
