// Which part of a page is its text. Private to extraction.
#pragma once

#include <string>

#include "pipeline/crawl/html/dom.h"

namespace leam::crawl {

// The main text of a parsed page, not yet tidied: one block a line.
std::string main_text(const html::Document& document);

}  // namespace leam::crawl
