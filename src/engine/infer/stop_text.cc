#include "engine/infer/stop_text.h"

#include <algorithm>
#include <utility>

namespace leam::infer {

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {}

std::string StopText::push(std::string_view text) {
  if (hit_) return {};
  if (stops_.empty()) return std::string(text);
  held_ += text;
  size_t first = held_.npos;
  for (const std::string& stop : stops_) first = std::min(first, held_.find(stop));
  if (first != held_.npos) {
    hit_ = true;
    return std::exchange(held_, {}).substr(0, first);
  }
  // What may still become a stop string stays.
  size_t keep = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) keep = n;
    }
  }
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return out;
}

std::string StopText::finish() {
  return std::exchange(held_, {});
}

}  // namespace leam::infer
