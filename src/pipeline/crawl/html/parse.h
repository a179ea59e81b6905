// HTML as browsers read it: the parsing rules of the HTML standard (html.spec.whatwg.org, section 13.2)
// without scripting, from text in memory to a tree, in one pass. Any text gives a tree.
//
// Limits keep time and memory linear in the page and the tree shallow whatever the page is made of:
//  - An element that would be deeper than max_depth becomes an empty sibling there, and its content the
//  content
//    of the parent. (Its end tag is remembered, so that what follows lands where it should.)
//  - Past max_nodes nodes, max_memory bytes, or a fixed amount of stack searching per byte, the rest of the
//  page
//    is not read; Document::truncated says so.
#pragma once

#include <string_view>

#include "pipeline/crawl/html/dom.h"

namespace leam::crawl::html {

struct ParseOptions {
  size_t max_depth = 512;
  size_t max_nodes = 1'000'000;
  size_t max_memory = 192u << 20;
};

// `page` is valid UTF-8 and must outlive the document.
Document parse(std::string_view page, const ParseOptions& options = {});

// The same into an existing document, whose memory is used again.
void parse_into(std::string_view page, const ParseOptions& options, Document& document);

// The fragment case (innerHTML) with an element of this name as context. The children of the document's first
// element are the result.
Document parse_fragment(std::string_view page, Ns context_ns, std::string_view context_name,
                        const ParseOptions& options = {});

}  // namespace leam::crawl::html
