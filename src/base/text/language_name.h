// What people call a language.
#pragma once

#include <string>
#include <string_view>

namespace leam::text {

// English name of an ISO 639 code ("de" → "German"), the code itself where there is none; "und" is "unknown".
std::string language_name(std::string_view code);

}  // namespace leam::text
