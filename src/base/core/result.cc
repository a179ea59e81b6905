#include "base/core/result.h"

#include <fmt/format.h>

namespace leam {

Error::Error(ErrorCode code, std::string_view where, std::string what, std::string hint)
    : code_(code), where_(where), what_(std::move(what)), hint_(std::move(hint)) {}

std::string Error::message() const {
  std::string text = fmt::format("[{}] {}", where_, what_);
  if (!hint_.empty()) text += ". hint: " + hint_;
  return text;
}

Error Error::within(std::string_view context) && {
  what_ = fmt::format("{}: {}", context, what_);
  return std::move(*this);
}

void bug(std::string_view what) {
  throw BugError(std::string(what));
}

}  // namespace leam
