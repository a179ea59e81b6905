// Character references of the HTML standard, section 13.5: the table and the longest match in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace leam::crawl::html {

struct NamedReference {
  size_t length = 0;       // bytes of `s` it takes, the semicolon included; 0: none
  std::string_view value;  // one or two code points in UTF-8
};

// The longest name that starts `s` (which begins behind the '&').
NamedReference match_named_reference(std::string_view s);

// Decodes the reference at s[at] == '&' into `out` and moves `at` behind it; what is no reference stays as
// it is. `in_attribute` applies the rule for old names without a semicolon there.
void decode_reference(std::string_view s, size_t& at, bool in_attribute, std::string& out);

}  // namespace leam::crawl::html
