#include "base/core/units.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>

namespace leam {
namespace {

std::string scaled(double n, const char* unit) {
  static constexpr const char* kPrefix[] = {"", "k", "M", "G", "T", "P"};
  int i = 0;
  double v = std::fabs(n);
  while (v >= 999.5 && i < 5) {
    v /= 1000;
    ++i;
  }
  if (n < 0) v = -v;
  const char* space = i == 0 && *unit == '\0' ? "" : " ";
  if (i == 0) return fmt::format("{:.0f}{}{}", v, space, unit);
  return fmt::format("{:.{}f}{}{}{}", v,
                     std::fabs(v) < 10    ? 2
                     : std::fabs(v) < 100 ? 1
                                          : 0,
                     space, kPrefix[i], unit);
}

}  // namespace

std::string human_count(double n) {
  return scaled(n, "");
}
std::string human_bytes(double bytes) {
  return scaled(bytes, "B");
}

std::string human_seconds(double s) {
  if (s < 60) return fmt::format("{:.1f} s", s);
  const auto t = static_cast<int64_t>(std::llround(s));
  if (t < 3600) return fmt::format("{}:{:02}", t / 60, t % 60);
  return fmt::format("{}:{:02}:{:02}", t / 3600, t / 60 % 60, t % 60);
}

std::string iso_time(int64_t us) {
  const auto t = static_cast<std::time_t>(us / 1'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(t));
}

}  // namespace leam
