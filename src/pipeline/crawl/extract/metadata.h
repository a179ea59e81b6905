// What a page says about itself, in its head, its JSON-LD and its markup. Private to extraction.
#pragma once

#include "pipeline/crawl/extract/page.h"

namespace leam::crawl {

// Fills every field of `page` but text, encoding, replaced and truncated.
void read_metadata(const html::Document& document, const PageHints& hints, ExtractedPage& page);

// "2021-03-04", "2021-03-04T05:06:07+01:00" out of what pages write; "" when it is no date. German, English
// and numeric forms as well as ISO 8601.
std::string parse_date(std::string_view text);

// "https://creativecommons.org/licenses/by-sa/4.0/" out of a link to a Creative Commons deed or legal code,
// "" for any other address.
std::string creative_commons(std::string_view url);

}  // namespace leam::crawl
