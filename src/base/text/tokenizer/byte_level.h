// The printable alphabet of byte-level vocabularies: each of the 256 bytes has one character, so that a
// token is text in a JSON file (GPT-2's bytes_to_unicode: printable Latin-1 bytes stand for themselves, the
// rest for U+0100 and up in order).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leam::text {

char32_t byte_level_char(uint8_t byte);
// "\xc3\xa4 " → "Ã¤Ġ"
std::string to_byte_level(std::string_view bytes);
// Back; nothing if `text` has a character outside the alphabet or is not UTF-8.
std::optional<std::string> from_byte_level(std::string_view text);

}  // namespace leam::text
