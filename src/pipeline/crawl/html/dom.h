// A parsed page. Nodes lie in the document's arena; strings point into it or into the page's own bytes,
// which must outlive the document.
#pragma once

#include <string_view>

#include "pipeline/crawl/html/arena.h"
#include "pipeline/crawl/html/tags.h"

namespace leam::crawl::html {

struct Attr {
  std::string_view name;  // lower case; adjusted ("viewBox", "xlink:href") on foreign elements
  std::string_view value;
};

enum class NodeType : uint8_t { kDocument, kDoctype, kElement, kText, kComment, kContent };

struct Node {
  Node* parent;
  Node* first;
  Node* last;
  Node* prev;
  Node* next;
  Attr* attrs;  // of a doctype: [0] public, [1] system identifier
  // Text and comments: their data. Elements: the name, set for kUnknown and foreign ones. Doctype: the name.
  std::string_view data;
  uint32_t room;  // bytes a text node may still grow to in place, 0 when data points into the page
  uint16_t n_attrs;
  NodeType type;
  Tag tag;
  Ns ns;
  uint32_t index;  // free for whoever walks the tree

  bool is(Tag t) const { return tag == t && type == NodeType::kElement; }
  bool is_element() const { return type == NodeType::kElement; }
  bool is_text() const { return type == NodeType::kText; }
  std::string_view name() const { return data.empty() ? name_of(tag) : data; }
  // Value of an attribute, "" when absent.
  std::string_view attr(std::string_view wanted) const {
    for (uint16_t i = 0; i < n_attrs; ++i) {
      if (attrs[i].name == wanted) return attrs[i].value;
    }
    return {};
  }
  bool has_attr(std::string_view wanted) const {
    for (uint16_t i = 0; i < n_attrs; ++i) {
      if (attrs[i].name == wanted) return true;
    }
    return false;
  }
};

// The node after `n` in document order inside `root`, its subtree included or left out; null at the end.
inline Node* next_skipping(const Node* n, const Node* root) {
  while (n != root) {
    if (n->next != nullptr) return n->next;
    n = n->parent;
  }
  return nullptr;
}
inline Node* next_in_order(const Node* n, const Node* root) {
  return n->first != nullptr ? n->first : next_skipping(n, root);
}

struct Document {
  Arena arena;
  Node* root = nullptr;  // kDocument
  bool quirks = false;
  size_t nodes = 0;
  // The parse was cut off by a limit; the tree holds what came before `cut_at`.
  bool truncated = false;
  size_t cut_at = 0;

  Node* html() const { return child(root, Tag::kHtml); }
  Node* head() const { return child(html(), Tag::kHead); }
  Node* body() const { return child(html(), Tag::kBody); }

 private:
  static Node* child(const Node* n, Tag tag) {
    if (n == nullptr) return nullptr;
    for (Node* c = n->first; c != nullptr; c = c->next) {
      if (c->is(tag)) return c;
    }
    return nullptr;
  }
};

}  // namespace leam::crawl::html
