// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace leam {

std::string human_count(double n);      // 1234567 → "1.23 M"
std::string human_bytes(double bytes);  // 1234567 → "1.23 MB" (powers of ten)
std::string human_seconds(double s);    // 75 → "1:15", 3.21 → "3.2 s", 7200 → "2:00:00"

// 2026-11-20T18:37:26Z
std::string iso_time(int64_t us_since_1970);

}  // namespace leam
