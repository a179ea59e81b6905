// A tree as text, in the layout that the public conformance tests of the standard use ("#document"):
//   | <html>
//   |   <head>
//   |   <body>
//   |     "text"
#pragma once

#include <string>

#include "pipeline/crawl/html/dom.h"

namespace leam::crawl::html {

// The children of `root`, one node a line, attributes sorted by name.
std::string serialize_tree(const Node* root);

}  // namespace leam::crawl::html
