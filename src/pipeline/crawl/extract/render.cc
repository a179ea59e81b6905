#include "pipeline/crawl/extract/render.h"

#include <fmt/format.h>

#include "pipeline/crawl/extract/page.h"

namespace leam::crawl {
namespace {

using html::Node;
using html::Tag;

// One less than the number of an ordered list's first item.
uint32_t start_of(const Node* list) {
  uint32_t n = 0;
  const std::string_view s = list->attr("start");
  if (s.empty() || s.size() > 6) return 0;
  for (char c : s) {
    if (c < '0' || c > '9') return 0;
    n = n * 10 + static_cast<uint32_t>(c - '0');
  }
  return n == 0 ? 0 : n - 1;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

class Renderer {
 public:
  Renderer(const std::vector<uint8_t>& dropped, std::string& out) : dropped_(dropped), out_(out) {}

  void walk(const Node* root) {
    const Node* n = root;
    while (n != nullptr) {
      const bool inside = enter(n);
      if (inside && n->first != nullptr) {
        n = n->first;
        continue;
      }
      if (inside) leave(n);
      while (n != root && n->next == nullptr) {
        n = n->parent;
        leave(n);
      }
      n = n == root ? nullptr : n->next;
    }
    end_line();
  }

 private:
  bool enter(const Node* n) {
    if (n->is_text()) {
      text(n->data);
      return false;
    }
    if (!n->is_element()) return n->type != html::NodeType::kComment && n->type != html::NodeType::kDoctype;
    if (kNeverText.has(n->tag) || (n->index < dropped_.size() && dropped_[n->index] != 0)) return false;
    switch (n->tag) {
      case Tag::kBr:
        if (pre_ > 0) {
          out_.push_back('\n');
        } else {
          end_line();
        }
        return false;
      case Tag::kTd:
      case Tag::kTh:
        if (row_open_ && line_has_text()) out_.push_back('\t');
        space_ = false;
        ++cell_;
        return true;
      case Tag::kTr:
        end_line();
        row_open_ = true;
        return true;
      case Tag::kTable:
        if (cell_ == 0) end_line();
        return true;
      case Tag::kLi: {
        end_line();
        const bool numbered = n->parent != nullptr && n->parent->is(Tag::kOl) && !numbers_.empty();
        prefix_ = numbered ? fmt::format("{}. ", ++numbers_.back()) : "- ";
        return true;
      }
      case Tag::kOl:
        block_edge();
        numbers_.push_back(start_of(n));
        return true;
      case Tag::kPre:
      case Tag::kListing:
      case Tag::kXmp:
        end_line();
        ++pre_;
        return true;
      default:
        if (kLineElements.has(n->tag)) block_edge();
        return true;
    }
  }

  void leave(const Node* n) {
    if (!n->is_element()) return;
    switch (n->tag) {
      case Tag::kTd:
      case Tag::kTh:
        if (cell_ > 0) --cell_;
        return;
      case Tag::kTr:
        row_open_ = false;
        end_line();
        return;
      case Tag::kLi:
        end_line();
        prefix_.clear();
        return;
      case Tag::kOl:
        if (!numbers_.empty()) numbers_.pop_back();
        block_edge();
        return;
      case Tag::kPre:
      case Tag::kListing:
      case Tag::kXmp:
        if (pre_ > 0) --pre_;
        end_line();
        return;
      default:
        if (kLineElements.has(n->tag)) block_edge();
    }
  }

  // Blocks inside a table cell share the row's line: long ones get lines of their own all the same.
  void block_edge() {
    if (cell_ > 0 && row_open_ && out_.size() - line_start_ < 200) {
      space_ = line_has_text();
      return;
    }
    end_line();
  }

  bool line_has_text() const { return out_.size() > line_start_; }

  void end_line() {
    while (line_has_text() && (out_.back() == ' ' || out_.back() == '\t')) out_.pop_back();
    if (line_has_text()) out_.push_back('\n');
    line_start_ = out_.size();
    space_ = false;
  }

  void text(std::string_view s) {
    if (pre_ > 0) {
      if (s.empty()) return;
      out_.append(s);
      return;
    }
    size_t i = 0;
    while (i < s.size()) {
      if (is_blank(s[i])) {
        space_ = true;
        ++i;
        continue;
      }
      size_t end = i;
      while (end < s.size() && !is_blank(s[end])) ++end;
      if (!line_has_text()) {
        out_.append(prefix_);
        prefix_.clear();
      } else if (space_ && out_.back() != '\t') {
        out_.push_back(' ');
      }
      out_.append(s.substr(i, end - i));
      space_ = false;
      i = end;
    }
  }

  const std::vector<uint8_t>& dropped_;
  std::string& out_;
  size_t line_start_ = 0;
  int pre_ = 0, cell_ = 0;
  bool row_open_ = false;
  bool space_ = false;
  std::string prefix_;
  std::vector<uint32_t> numbers_;  // of the ordered lists around
};

}  // namespace

void render(const Node* root, const std::vector<uint8_t>& dropped, std::string& out) {
  Renderer(dropped, out).walk(root);
}

std::string inline_text(const Node* root) {
  std::string out;
  bool space = false;
  for (const Node* n = root; n != nullptr;) {
    if (n->is_element() && kNeverText.has(n->tag) && n != root) {
      space = true;
      n = html::next_skipping(n, root);
      continue;
    }
    if (n->is_element() && (n->tag == Tag::kBr || kLineElements.has(n->tag))) space = true;
    if (n->is_text()) {
      for (char c : n->data) {
        if (is_blank(c)) {
          space = true;
          continue;
        }
        if (space && !out.empty()) out.push_back(' ');
        space = false;
        out.push_back(c);
      }
    }
    n = html::next_in_order(n, root);
  }
  return out;
}

}  // namespace leam::crawl
