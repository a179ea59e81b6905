// Tree construction: the insertion mode "in body".
#include "pipeline/crawl/html/tree_builder.h"

namespace leam::crawl::html {
namespace {

constexpr TagSet kBlocks{Tag::kAddress,  Tag::kArticle,    Tag::kAside,   Tag::kBlockquote, Tag::kCenter,
                         Tag::kDetails,  Tag::kDialog,     Tag::kDir,     Tag::kDiv,        Tag::kDl,
                         Tag::kFieldset, Tag::kFigcaption, Tag::kFigure,  Tag::kFooter,     Tag::kHeader,
                         Tag::kHgroup,   Tag::kMain,       Tag::kMenu,    Tag::kNav,        Tag::kOl,
                         Tag::kP,        Tag::kSearch,     Tag::kSection, Tag::kSummary,    Tag::kUl};
constexpr TagSet kBlockEnds =
    (kBlocks - TagSet{Tag::kP}) | TagSet{Tag::kButton, Tag::kListing, Tag::kPre, Tag::kSelect};

}  // namespace

bool TreeBuilder::in_body(Token& t) {
  switch (t.type) {
    case Type::kText: {
      if (t.has_nul && t.text.find_first_not_of('\0') == std::string_view::npos) return true;
      reconstruct_formatting();
      if (frameset_ok_) {
        for (char c : t.text) {
          if (!is_html_space(c) && c != '\0') frameset_ok_ = false;
        }
      }
      insert_text_without_nul(t);
      return true;
    }
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kDoctype:
      return true;
    case Type::kStartTag:
      return in_body_start(t);
    case Type::kEndTag:
      return in_body_end(t);
    case Type::kEof:
      return template_modes_.empty() ? true : in_template(t);
  }
  return true;
}

bool TreeBuilder::in_body_start(Token& t) {
  const Tag tag = t.tag;
  if (kFormatting.has(tag)) {
    if (tag == Tag::kA) {
      if (Node* open_a = formatting_after_marker(Tag::kA)) {
        adoption_agency(t);
        remove_formatting(open_a);
        if (const size_t at = open_index(open_a); at != SIZE_MAX) remove_open(at);
      }
    }
    reconstruct_formatting();
    if (tag == Tag::kNobr && in_scope(Tag::kNobr)) {
      adoption_agency(t);
      reconstruct_formatting();
    }
    push_formatting(insert_element(t));
    return true;
  }
  if (kBlocks.has(tag)) {
    if (p_in_button_scope()) close_p();
    insert_element(t);
    return true;
  }
  if (kHeadings.has(tag)) {
    if (p_in_button_scope()) close_p();
    if (kHeadings.has(current()->tag)) pop();
    insert_element(t);
    return true;
  }
  switch (tag) {
    case Tag::kHtml:
      if (open_count_[static_cast<size_t>(Tag::kTemplate)] == 0) merge_attributes(open_.front());
      return true;
    case Tag::kBase:
    case Tag::kBasefont:
    case Tag::kBgsound:
    case Tag::kLink:
    case Tag::kMeta:
    case Tag::kNoframes:
    case Tag::kScript:
    case Tag::kStyle:
    case Tag::kTemplate:
    case Tag::kTitle:
      return in_head(t);
    case Tag::kBody:
      if (open_.size() > 1 && open_[1]->is(Tag::kBody) &&
          open_count_[static_cast<size_t>(Tag::kTemplate)] == 0) {
        frameset_ok_ = false;
        merge_attributes(open_[1]);
      }
      return true;
    case Tag::kFrameset:
      if (open_.size() < 2 || !open_[1]->is(Tag::kBody) || !frameset_ok_) return true;
      detach(open_[1]);
      while (open_.size() > 1) pop();
      insert_element(t);
      mode_ = Mode::kInFrameset;
      return true;
    case Tag::kPre:
    case Tag::kListing:
      if (p_in_button_scope()) close_p();
      insert_element(t);
      skip_newline_ = true;
      frameset_ok_ = false;
      return true;
    case Tag::kForm: {
      const bool in_template = open_count_[static_cast<size_t>(Tag::kTemplate)] > 0;
      if (form_ != nullptr && !in_template) return true;
      if (p_in_button_scope()) close_p();
      Node* n = insert_element(t);
      if (!in_template) form_ = n;
      return true;
    }
    case Tag::kLi:
    case Tag::kDd:
    case Tag::kDt: {
      frameset_ok_ = false;
      const TagSet same = tag == Tag::kLi ? TagSet{Tag::kLi} : TagSet{Tag::kDd, Tag::kDt};
      for (size_t i = open_.size(); i > 0; --i) {
        ++steps_;
        const Tag open = open_[i - 1]->tag;
        if (same.has(open)) {
          implied_end_tags(TagSet{open});
          pop_until(open);
          break;
        }
        if (kSpecial.has(open) && open != Tag::kAddress && open != Tag::kDiv && open != Tag::kP) break;
      }
      if (p_in_button_scope()) close_p();
      insert_element(t);
      return true;
    }
    case Tag::kPlaintext:
      if (p_in_button_scope()) close_p();
      insert_element(t);
      tokenizer_.enter(Tokenizer::State::kPlaintext, t.name);
      return true;
    case Tag::kButton:
      if (in_scope(Tag::kButton)) {
        implied_end_tags();
        pop_until(Tag::kButton);
      }
      reconstruct_formatting();
      insert_element(t);
      frameset_ok_ = false;
      return true;
    case Tag::kApplet:
    case Tag::kMarquee:
    case Tag::kObject:
      reconstruct_formatting();
      insert_element(t);
      push_marker();
      frameset_ok_ = false;
      return true;
    case Tag::kTable:
      if (!doc_.quirks && p_in_button_scope()) close_p();
      insert_element(t);
      frameset_ok_ = false;
      mode_ = Mode::kInTable;
      return true;
    case Tag::kImage:
      t.tag = Tag::kImg;
      t.name = "img";
      [[fallthrough]];
    case Tag::kArea:
    case Tag::kBr:
    case Tag::kEmbed:
    case Tag::kImg:
    case Tag::kKeygen:
    case Tag::kWbr:
      reconstruct_formatting();
      insert_void(t);
      frameset_ok_ = false;
      return true;
    case Tag::kInput: {
      if (context_ != nullptr && context_->is(Tag::kSelect)) return true;
      if (in_scope(Tag::kSelect)) pop_until(Tag::kSelect);
      reconstruct_formatting();
      const Node* n = insert_void(t);
      const std::string_view type = n->attr("type");
      bool hidden = type.size() == 6;
      for (size_t i = 0; hidden && i < 6; ++i) hidden = (type[i] | 32) == "hidden"[i];
      if (!hidden) frameset_ok_ = false;
      return true;
    }
    case Tag::kParam:
    case Tag::kSource:
    case Tag::kTrack:
      insert_void(t);
      return true;
    case Tag::kHr:
      if (p_in_button_scope()) close_p();
      if (in_scope(Tag::kSelect)) implied_end_tags();
      insert_void(t);
      frameset_ok_ = false;
      return true;
    case Tag::kTextarea:
      insert_element(t);
      skip_newline_ = true;
      tokenizer_.enter(Tokenizer::State::kRcdata, t.name);
      original_mode_ = mode_;
      frameset_ok_ = false;
      mode_ = Mode::kText;
      return true;
    case Tag::kXmp:
      if (p_in_button_scope()) close_p();
      reconstruct_formatting();
      frameset_ok_ = false;
      raw_element(t, Tokenizer::State::kRawtext);
      return true;
    case Tag::kIframe:
      frameset_ok_ = false;
      raw_element(t, Tokenizer::State::kRawtext);
      return true;
    case Tag::kNoembed:
      raw_element(t, Tokenizer::State::kRawtext);
      return true;
    case Tag::kSelect:
      if (context_ != nullptr && context_->is(Tag::kSelect)) return true;
      if (in_scope(Tag::kSelect)) {
        pop_until(Tag::kSelect);
        return true;
      }
      reconstruct_formatting();
      insert_element(t);
      frameset_ok_ = false;
      return true;
    case Tag::kOption:
    case Tag::kOptgroup:
      if (in_scope(Tag::kSelect)) {
        implied_end_tags(tag == Tag::kOption ? TagSet{Tag::kOptgroup} : TagSet{});
      } else if (current()->is(Tag::kOption)) {
        pop();
      }
      reconstruct_formatting();
      insert_element(t);
      return true;
    case Tag::kRb:
    case Tag::kRtc:
      if (in_scope(Tag::kRuby)) implied_end_tags();
      insert_element(t);
      return true;
    case Tag::kRp:
    case Tag::kRt:
      if (in_scope(Tag::kRuby)) implied_end_tags(TagSet{Tag::kRtc});
      insert_element(t);
      return true;
    case Tag::kMath:
    case Tag::kSvg:
      reconstruct_formatting();
      insert_foreign(t, tag == Tag::kMath ? Ns::kMathml : Ns::kSvg, !t.self_closing);
      return true;
    case Tag::kCaption:
    case Tag::kCol:
    case Tag::kColgroup:
    case Tag::kFrame:
    case Tag::kHead:
    case Tag::kTbody:
    case Tag::kTd:
    case Tag::kTfoot:
    case Tag::kTh:
    case Tag::kThead:
    case Tag::kTr:
      return true;
    default:
      reconstruct_formatting();
      insert_element(t);
      return true;
  }
}

bool TreeBuilder::in_body_end(Token& t) {
  const Tag tag = t.tag;
  if (kFormatting.has(tag)) {
    if (!adoption_agency(t)) any_other_end_tag(t);
    return true;
  }
  if (kBlockEnds.has(tag)) {
    if (!in_scope(tag)) return true;
    implied_end_tags();
    pop_until(tag);
    return true;
  }
  if (kHeadings.has(tag)) {
    if (!in_scope(kHeadings, kScope)) return true;
    implied_end_tags();
    pop_until_any(kHeadings);
    return true;
  }
  switch (tag) {
    case Tag::kTemplate:
      return in_head(t);
    case Tag::kBody:
    case Tag::kHtml:
      if (!in_scope(Tag::kBody)) return true;
      mode_ = Mode::kAfterBody;
      return tag == Tag::kBody;
    case Tag::kForm:
      if (open_count_[static_cast<size_t>(Tag::kTemplate)] == 0) {
        Node* n = form_;
        form_ = nullptr;
        if (n == nullptr || !node_in_scope(n)) return true;
        implied_end_tags();
        if (const size_t at = open_index(n); at != SIZE_MAX) remove_open(at);
      } else {
        if (!in_scope(Tag::kForm)) return true;
        implied_end_tags();
        pop_until(Tag::kForm);
      }
      return true;
    case Tag::kP:
      if (!p_in_button_scope()) insert_implied(Tag::kP);
      close_p();
      return true;
    case Tag::kLi:
      if (open_count_[static_cast<size_t>(tag)] == 0 || !in_scope(TagSet{Tag::kLi}, kListScope)) return true;
      implied_end_tags(TagSet{Tag::kLi});
      pop_until(Tag::kLi);
      return true;
    case Tag::kDd:
    case Tag::kDt:
      if (!in_scope(tag)) return true;
      implied_end_tags(TagSet{tag});
      pop_until(tag);
      return true;
    case Tag::kApplet:
    case Tag::kMarquee:
    case Tag::kObject:
      if (!in_scope(tag)) return true;
      implied_end_tags();
      pop_until(tag);
      clear_formatting_to_marker();
      return true;
    case Tag::kBr: {
      reconstruct_formatting();
      Node* n = make_element(Tag::kBr, Ns::kHtml, {}, {});  // its attributes are dropped
      insert_at(appropriate_place(), n);
      frameset_ok_ = false;
      return true;
    }
    default:
      any_other_end_tag(t);
      return true;
  }
}

}  // namespace leam::crawl::html
