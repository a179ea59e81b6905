// Tree construction: the insertion modes before, around and behind the body, and templates.
#include "pipeline/crawl/html/tree_builder.h"

namespace leam::crawl::html {
namespace {

constexpr TagSet kImplyingEnds{Tag::kHead, Tag::kBody, Tag::kHtml, Tag::kBr};

// Splits a text token: blank prefix taken off and returned.
std::string_view take_space(Token& t) {
  const size_t n = leading_space(t.text);
  const std::string_view space = t.text.substr(0, n);
  t.text.remove_prefix(n);
  return space;
}

}  // namespace

bool TreeBuilder::initial(Token& t) {
  switch (t.type) {
    case Type::kText:
      take_space(t);
      if (t.text.empty()) return true;
      break;
    case Type::kComment:
      insert_comment(t, doc_.root);
      return true;
    case Type::kDoctype: {
      Node* n = make(NodeType::kDoctype);
      n->data = t.name;
      if (t.has_public || t.has_system) {
        n->attrs = doc_.arena.make<Attr>(2);
        n->attrs[0] = {"public", t.public_id};
        n->attrs[1] = {"system", t.system_id};
        n->n_attrs = 2;
      }
      insert_at({doc_.root, nullptr}, n);
      doc_.quirks = quirks_doctype(t);
      mode_ = Mode::kBeforeHtml;
      return true;
    }
    default:
      break;
  }
  doc_.quirks = true;
  mode_ = Mode::kBeforeHtml;
  return false;
}

bool TreeBuilder::before_html(Token& t) {
  switch (t.type) {
    case Type::kDoctype:
      return true;
    case Type::kComment:
      insert_comment(t, doc_.root);
      return true;
    case Type::kText:
      take_space(t);
      if (t.text.empty()) return true;
      break;
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) {
        Node* n = element_for(t);
        insert_at({doc_.root, nullptr}, n);
        push(n);
        mode_ = Mode::kBeforeHead;
        return true;
      }
      break;
    case Type::kEndTag:
      if (!kImplyingEnds.has(t.tag)) return true;
      break;
    default:
      break;
  }
  Node* n = make_element(Tag::kHtml, Ns::kHtml, {}, {});
  insert_at({doc_.root, nullptr}, n);
  push(n);
  mode_ = Mode::kBeforeHead;
  return false;
}

bool TreeBuilder::before_head(Token& t) {
  switch (t.type) {
    case Type::kDoctype:
      return true;
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kText:
      take_space(t);
      if (t.text.empty()) return true;
      break;
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      if (t.tag == Tag::kHead) {
        head_ = insert_element(t);
        mode_ = Mode::kInHead;
        return true;
      }
      break;
    case Type::kEndTag:
      if (!kImplyingEnds.has(t.tag)) return true;
      break;
    default:
      break;
  }
  head_ = insert_implied(Tag::kHead);
  mode_ = Mode::kInHead;
  return false;
}

bool TreeBuilder::in_head(Token& t) {
  switch (t.type) {
    case Type::kDoctype:
      return true;
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kText:
      insert_text(take_space(t));
      if (t.text.empty()) return true;
      break;
    case Type::kStartTag:
      switch (t.tag) {
        case Tag::kHtml:
          return in_body(t);
        case Tag::kBase:
        case Tag::kBasefont:
        case Tag::kBgsound:
        case Tag::kLink:
        case Tag::kMeta:
          insert_void(t);
          return true;
        case Tag::kTitle:
          raw_element(t, Tokenizer::State::kRcdata);
          return true;
        case Tag::kNoframes:
        case Tag::kStyle:
          raw_element(t, Tokenizer::State::kRawtext);
          return true;
        case Tag::kNoscript:
          insert_element(t);
          mode_ = Mode::kInHeadNoscript;
          return true;
        case Tag::kScript:
          raw_element(t, Tokenizer::State::kScript);
          return true;
        case Tag::kTemplate:
          insert_element(t);
          push_marker();
          frameset_ok_ = false;
          mode_ = Mode::kInTemplate;
          template_modes_.push_back(Mode::kInTemplate);
          return true;
        case Tag::kHead:
          return true;
        default:
          break;
      }
      break;
    case Type::kEndTag:
      if (t.tag == Tag::kHead) {
        pop();
        mode_ = Mode::kAfterHead;
        return true;
      }
      if (t.tag == Tag::kTemplate) {
        if (open_count_[static_cast<size_t>(Tag::kTemplate)] == 0) return true;
        implied_end_tags_thoroughly();
        pop_until(Tag::kTemplate);
        clear_formatting_to_marker();
        if (!template_modes_.empty()) template_modes_.pop_back();
        reset_mode();
        return true;
      }
      if (t.tag != Tag::kBody && t.tag != Tag::kHtml && t.tag != Tag::kBr) return true;
      break;
    default:
      break;
  }
  pop();
  mode_ = Mode::kAfterHead;
  return false;
}

bool TreeBuilder::in_head_noscript(Token& t) {
  constexpr TagSet kAsInHead{Tag::kBasefont, Tag::kBgsound,  Tag::kLink,
                             Tag::kMeta,     Tag::kNoframes, Tag::kStyle};
  switch (t.type) {
    case Type::kDoctype:
      return true;
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kText:
      insert_text(take_space(t));
      if (t.text.empty()) return true;
      break;
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      if (kAsInHead.has(t.tag)) return in_head(t);
      if (t.tag == Tag::kHead || t.tag == Tag::kNoscript) return true;
      break;
    case Type::kEndTag:
      if (t.tag == Tag::kNoscript) {
        pop();
        mode_ = Mode::kInHead;
        return true;
      }
      if (t.tag != Tag::kBr) return true;
      break;
    default:
      break;
  }
  pop();
  mode_ = Mode::kInHead;
  return false;
}

bool TreeBuilder::after_head(Token& t) {
  switch (t.type) {
    case Type::kDoctype:
      return true;
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kText:
      insert_text(take_space(t));
      if (t.text.empty()) return true;
      break;
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      if (t.tag == Tag::kBody) {
        insert_element(t);
        frameset_ok_ = false;
        mode_ = Mode::kInBody;
        return true;
      }
      if (t.tag == Tag::kFrameset) {
        insert_element(t);
        mode_ = Mode::kInFrameset;
        return true;
      }
      if (kHeadContent.has(t.tag)) {
        // Late head content goes into the head after all.
        push(head_);
        const bool done = in_head(t);
        if (const size_t at = open_index(head_); at != SIZE_MAX) remove_open(at);
        return done;
      }
      if (t.tag == Tag::kHead) return true;
      break;
    case Type::kEndTag:
      if (t.tag == Tag::kTemplate) return in_head(t);
      if (t.tag != Tag::kBody && t.tag != Tag::kHtml && t.tag != Tag::kBr) return true;
      break;
    default:
      break;
  }
  insert_implied(Tag::kBody);
  mode_ = Mode::kInBody;
  return false;
}

bool TreeBuilder::in_text(Token& t) {
  if (t.type == Type::kText) {
    insert_text(t.text);
    return true;
  }
  if (t.type == Type::kEof || t.type == Type::kEndTag) {
    pop();
    mode_ = original_mode_;
    return t.type == Type::kEndTag;
  }
  return true;
}

bool TreeBuilder::in_template(Token& t) {
  switch (t.type) {
    case Type::kText:
    case Type::kComment:
    case Type::kDoctype:
      return in_body(t);
    case Type::kStartTag: {
      if (kHeadContent.has(t.tag)) return in_head(t);
      Mode mode = Mode::kInBody;
      switch (t.tag) {
        case Tag::kCaption:
        case Tag::kColgroup:
        case Tag::kTbody:
        case Tag::kTfoot:
        case Tag::kThead:
          mode = Mode::kInTable;
          break;
        case Tag::kCol:
          mode = Mode::kInColumnGroup;
          break;
        case Tag::kTr:
          mode = Mode::kInTableBody;
          break;
        case Tag::kTd:
        case Tag::kTh:
          mode = Mode::kInRow;
          break;
        default:
          break;
      }
      if (!template_modes_.empty()) template_modes_.back() = mode;
      mode_ = mode;
      return false;
    }
    case Type::kEndTag:
      return t.tag == Tag::kTemplate ? in_head(t) : true;
    case Type::kEof:
      if (open_count_[static_cast<size_t>(Tag::kTemplate)] == 0) return true;
      pop_until(Tag::kTemplate);
      clear_formatting_to_marker();
      if (!template_modes_.empty()) template_modes_.pop_back();
      reset_mode();
      return false;
  }
  return true;
}

bool TreeBuilder::after_body(Token& t) {
  switch (t.type) {
    case Type::kComment:
      insert_comment(t, open_.front());
      return true;
    case Type::kDoctype:
    case Type::kEof:
      return true;
    case Type::kText:
      if (leading_space(t.text) == t.text.size()) return in_body(t);
      break;
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      break;
    case Type::kEndTag:
      if (t.tag == Tag::kHtml) {
        if (context_ == nullptr) mode_ = Mode::kAfterAfterBody;
        return true;
      }
      break;
  }
  mode_ = Mode::kInBody;
  return false;
}

bool TreeBuilder::in_frameset(Token& t) {
  switch (t.type) {
    case Type::kText:
      for (size_t i = 0; i < t.text.size(); ++i) {
        if (is_html_space(t.text[i])) insert_text(t.text.substr(i, 1));
      }
      return true;
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kDoctype:
    case Type::kEof:
      return true;
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      if (t.tag == Tag::kFrameset) insert_element(t);
      if (t.tag == Tag::kFrame) insert_void(t);
      if (t.tag == Tag::kNoframes) return in_head(t);
      return true;
    case Type::kEndTag:
      if (t.tag == Tag::kFrameset && open_.size() > 1) {
        pop();
        if (context_ == nullptr && !current()->is(Tag::kFrameset)) mode_ = Mode::kAfterFrameset;
      }
      return true;
  }
  return true;
}

bool TreeBuilder::after_frameset(Token& t) {
  switch (t.type) {
    case Type::kText:
      return in_frameset(t);
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      if (t.tag == Tag::kNoframes) return in_head(t);
      return true;
    case Type::kEndTag:
      if (t.tag == Tag::kHtml) mode_ = Mode::kAfterAfterFrameset;
      return true;
    default:
      return true;
  }
}

bool TreeBuilder::after_after_body(Token& t) {
  switch (t.type) {
    case Type::kComment:
      insert_comment(t, doc_.root);
      return true;
    case Type::kDoctype:
      return in_body(t);
    case Type::kEof:
      return true;
    case Type::kText:
      if (leading_space(t.text) == t.text.size()) return in_body(t);
      break;
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      break;
    default:
      break;
  }
  mode_ = Mode::kInBody;
  return false;
}

bool TreeBuilder::after_after_frameset(Token& t) {
  switch (t.type) {
    case Type::kComment:
      insert_comment(t, doc_.root);
      return true;
    case Type::kText: {
      std::string_view all = t.text;
      for (size_t i = 0; i < all.size(); ++i) {
        if (!is_html_space(all[i])) continue;
        reconstruct_formatting();
        insert_text(all.substr(i, 1));
      }
      return true;
    }
    case Type::kStartTag:
      if (t.tag == Tag::kHtml) return in_body(t);
      if (t.tag == Tag::kNoframes) return in_head(t);
      return true;
    default:
      return true;
  }
}

}  // namespace leam::crawl::html
