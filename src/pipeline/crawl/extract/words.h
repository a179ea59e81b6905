// What the words in an element's class and id say about it. Private to extraction.
#pragma once

#include <cstdint>
#include <string_view>

#include "pipeline/crawl/html/dom.h"

namespace leam::crawl {

enum Role : uint8_t {
  kNoRole = 0,
  kContent = 1,   // names the article's text itself: "entry-content", "articleBody"
  kFrame = 2,     // is likely to hold it: "main", "content", "post"
  kWeak = 4,      // is likely not to be text: "date", "tags", "caption"
  kStrong = 8,    // is hardly ever text: "sidebar", "breadcrumb", "share"
  kComment = 16,  // what readers wrote
  kLead = 32,     // the sentence or two above the text: "teaser-text", "intro"
};

// Roles by the words of class, id, role and itemprop.
uint8_t roles_of(const html::Node* n);

}  // namespace leam::crawl
