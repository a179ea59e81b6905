// Tree construction: active formatting elements and the adoption agency algorithm.
#include <algorithm>

#include "pipeline/crawl/html/tree_builder.h"

namespace leam::crawl::html {
namespace {

bool same_element(const Node* a, const Node* b) {
  if (a->tag != b->tag || a->ns != b->ns || a->n_attrs != b->n_attrs) return false;
  for (uint16_t i = 0; i < a->n_attrs; ++i) {
    const Attr& want = a->attrs[i];
    if (!b->has_attr(want.name) || b->attr(want.name) != want.value) return false;
  }
  return true;
}

}  // namespace

void TreeBuilder::push_formatting(Node* n) {
  // "Noah's Ark": at most three alike behind the last marker.
  size_t alike = 0, earliest = 0, since_marker = 0;
  for (size_t i = formatting_.size(); i > 0 && formatting_[i - 1] != nullptr; --i) {
    ++steps_;
    ++since_marker;
    if (same_element(formatting_[i - 1], n)) {
      ++alike;
      earliest = i - 1;
    }
  }
  if (alike >= 3) {
    formatting_.erase(formatting_.begin() + static_cast<ptrdiff_t>(earliest));
  } else if (since_marker >= kMaxFormatting) {
    formatting_.erase(formatting_.end() - static_cast<ptrdiff_t>(since_marker));
  }
  formatting_.push_back(n);
}

void TreeBuilder::clear_formatting_to_marker() {
  while (!formatting_.empty()) {
    const bool marker = formatting_.back() == nullptr;
    formatting_.pop_back();
    if (marker) return;
  }
}

void TreeBuilder::remove_formatting(const Node* n) {
  const auto at = std::find(formatting_.rbegin(), formatting_.rend(), n);
  if (at != formatting_.rend()) formatting_.erase(std::next(at).base());
}

Node* TreeBuilder::formatting_after_marker(Tag tag) const {
  for (size_t i = formatting_.size(); i > 0 && formatting_[i - 1] != nullptr; --i) {
    if (formatting_[i - 1]->tag == tag) return formatting_[i - 1];
  }
  return nullptr;
}

void TreeBuilder::reconstruct_formatting() {
  if (formatting_.empty() || formatting_.back() == nullptr || is_open(formatting_.back())) return;
  if (open_.size() >= options_.max_depth) return;
  size_t i = formatting_.size() - 1;
  while (i > 0 && formatting_[i - 1] != nullptr && !is_open(formatting_[i - 1])) {
    steps_ += open_.size();
    --i;
  }
  for (; i < formatting_.size(); ++i) {
    Node* n = clone_element(formatting_[i]);
    insert_at(appropriate_place(), n);
    push(n);
    formatting_[i] = n;
  }
}

void TreeBuilder::any_other_end_tag(const Token& t) {
  if (open_count_[static_cast<size_t>(t.tag)] == 0) return;
  for (size_t i = open_.size(); i > 0; --i) {
    ++steps_;
    const Node* n = open_[i - 1];
    if (n->ns == Ns::kHtml && n->tag == t.tag && (t.tag != Tag::kUnknown || n->data == t.name)) {
      implied_end_tags(TagSet{t.tag});
      while (open_.size() >= i) pop();
      return;
    }
    if (kSpecial.has(n->tag)) return;
  }
}

// True when done; false: treat the token as any other end tag.
bool TreeBuilder::adoption_agency(const Token& t) {
  const Tag subject = t.tag;
  if (current()->tag == subject &&
      std::find(formatting_.begin(), formatting_.end(), current()) == formatting_.end()) {
    pop();
    return true;
  }
  for (int outer = 0; outer < 8; ++outer) {
    Node* formatting = formatting_after_marker(subject);
    if (formatting == nullptr) return false;
    steps_ += formatting_.size();
    const size_t formatting_at = open_index(formatting);
    steps_ += open_.size();
    if (formatting_at == SIZE_MAX) {
      remove_formatting(formatting);
      return true;
    }
    if (!node_in_scope(formatting)) return true;
    size_t furthest_at = formatting_at + 1;
    while (furthest_at < open_.size() && !kSpecial.has(open_[furthest_at]->tag)) ++furthest_at;
    if (furthest_at == open_.size()) {
      while (open_.size() > formatting_at) pop();
      remove_formatting(formatting);
      return true;
    }
    Node* furthest = open_[furthest_at];
    Node* ancestor = open_[formatting_at - 1];
    auto bookmark = static_cast<size_t>(std::find(formatting_.begin(), formatting_.end(), formatting) -
                                        formatting_.begin());
    Node* last = furthest;
    size_t node_at = furthest_at;
    for (int inner = 1;; ++inner) {
      --node_at;  // what is removed from the stack below lies behind node_at
      Node* node = open_[node_at];
      if (node == formatting) break;
      ++steps_;
      auto in_list = std::find(formatting_.begin(), formatting_.end(), node);
      steps_ += formatting_.size();
      if (inner > 3 && in_list != formatting_.end()) {
        if (static_cast<size_t>(in_list - formatting_.begin()) < bookmark) --bookmark;
        formatting_.erase(in_list);
        in_list = formatting_.end();
      }
      if (in_list == formatting_.end()) {
        remove_open(node_at);
        continue;
      }
      Node* copy = clone_element(node);
      *in_list = copy;
      open_[node_at] = copy;
      if (last == furthest) bookmark = static_cast<size_t>(in_list - formatting_.begin()) + 1;
      detach(last);
      insert_at({copy, nullptr}, last);
      last = copy;
    }
    detach(last);
    insert_at(appropriate_place(ancestor), last);
    Node* copy = clone_element(formatting);
    while (Node* child = furthest->first) {
      ++steps_;
      detach(child);
      insert_at({copy, nullptr}, child);
    }
    insert_at({furthest, nullptr}, copy);
    const auto old = static_cast<size_t>(std::find(formatting_.begin(), formatting_.end(), formatting) -
                                         formatting_.begin());
    formatting_.erase(formatting_.begin() + static_cast<ptrdiff_t>(old));
    if (old < bookmark) --bookmark;
    formatting_.insert(formatting_.begin() + static_cast<ptrdiff_t>(bookmark), copy);
    remove_open(open_index(formatting));
    open_.insert(open_.begin() + static_cast<ptrdiff_t>(open_index(furthest)) + 1, copy);
    ++open_count_[static_cast<size_t>(copy->tag)];
  }
  return true;
}

}  // namespace leam::crawl::html
