// UTF-8: is it valid, make it valid, count it, take it apart and put it together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace leam::text {

inline constexpr char32_t kReplacement = 0xFFFD;

bool is_utf8(std::string_view bytes);

// Every maximal ill-formed subpart becomes one U+FFFD (Unicode 15, section 3.9, as browsers do it).
// `replaced`, when given, is increased by their number.
std::string repair_utf8(std::string_view bytes, uint64_t* replaced = nullptr);

// Code points of valid UTF-8.
uint64_t count_code_points(std::string_view utf8);

void append_utf8(std::string& out, char32_t c);

// The code point that starts at `at` (valid UTF-8, at < utf8.size()); `at` moves behind it.
char32_t next_code_point(std::string_view utf8, size_t& at);

// The longest prefix of at most `bytes` bytes that does not cut a code point.
std::string_view utf8_prefix(std::string_view utf8, size_t bytes);

}  // namespace leam::text
