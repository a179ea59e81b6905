// What needs the tables of Unicode: normal forms and classes of characters. By ICU.
#pragma once

#include <string>
#include <string_view>

namespace leam::text {

// Normal form C of valid UTF-8. Text that is in it already (nearly all of the web) is only looked at.
std::string nfc(std::string utf8);

bool is_letter(char32_t c);   // general category L
bool is_digit(char32_t c);    // general category Nd
bool is_space(char32_t c);    // White_Space, the no-break space included
bool is_control(char32_t c);  // Cc, Cf without ZWJ and ZWNJ, noncharacters, private use

}  // namespace leam::text
