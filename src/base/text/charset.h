// From the bytes of a page to UTF-8: which encoding it is in, and the decoding itself.
//
// Labels follow the Encoding Standard (encoding.spec.whatwg.org, section 4.2); so "latin1" means
// windows-1252. Order of evidence: byte order mark, HTTP header, <meta> in the first bytes, then the
// bytes themselves. One rule goes beyond the standard, because a wrong label costs a whole page here
// and not one reader's glance: bytes that are valid UTF-8 with multi-byte sequences are UTF-8 whatever
// the label says, and a page that calls itself UTF-8 but mostly is not is decoded by what ICU finds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leam::text {

enum class CharsetSource { kBom, kHeader, kMeta, kValidUtf8, kDetected, kDefault };
std::string_view to_string(CharsetSource source);

struct Decoded {
  std::string text;      // valid UTF-8, byte order mark removed
  std::string encoding;  // name in the Encoding Standard, lower case
  CharsetSource source = CharsetSource::kDefault;
  std::string declared;   // the encoding the page claims, if that is another one
  uint64_t replaced = 0;  // ill-formed sequences that became U+FFFD
};

// Canonical lower-case name for a label of the Encoding Standard ("Latin1" → "windows-1252"), "" when
// unknown.
std::string_view encoding_for_label(std::string_view label);

// The charset parameter of a Content-Type value, "" when there is none.
std::string_view charset_of_content_type(std::string_view content_type);

// The encoding named by a <meta> in the first `limit` bytes (HTML standard, "prescan a byte stream"), "" if
// none.
std::string_view prescan_meta(std::string_view bytes, size_t limit = 4096);

// Decodes a page. `content_type` is the HTTP header's value, empty when there is none.
Decoded decode_page(std::string_view bytes, std::string_view content_type);

// Decodes by a known encoding (a canonical name); what cannot be decoded becomes U+FFFD.
Decoded decode_as(std::string_view bytes, std::string_view encoding);

}  // namespace leam::text
