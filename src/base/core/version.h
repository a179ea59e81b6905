// Which leam this is.
#pragma once

#include <string_view>

namespace leam {

std::string_view version();  // "0.1.0"
std::string_view commit();   // twelve hex digits, or "unknown" outside a checkout

}  // namespace leam
