#include "engine/learn/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/core/result.h"

namespace leam::learn {

double Schedule::rate(int64_t step, double progress) const {
  const double p = std::clamp(progress, 0.0, 1.0);
  double share = 1.0;
  switch (decay) {
    case Decay::kCosine:
      share = 0.5 * (1.0 + std::cos(std::numbers::pi * p));
      break;
    case Decay::kWsd:
      if (p > 1.0 - decay_share && decay_share > 0)
        share = 1.0 - std::sqrt((p - (1.0 - decay_share)) / decay_share);
      break;
    case Decay::kLinear:
      share = 1.0 - p;
      break;
  }
  const double rate = peak * (floor + (1.0 - floor) * share);
  if (step >= warmup) return rate;
  return std::min(rate, peak * static_cast<double>(step + 1) / static_cast<double>(warmup));
}

Horizon::Horizon(std::vector<Entry> entries) : entries_(std::move(entries)) {
  bug_if(entries_.empty() || entries_[0].step != 0, "a horizon that does not start at step 0");
}

int64_t Horizon::total(int64_t step) const {
  int64_t total = entries_[0].total;
  for (const Entry& e : entries_) {
    if (e.step <= step) total = e.total;
  }
  return total;
}

double Horizon::progress(int64_t step) const {
  double at = 0.0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& e = entries_[i];
    const bool last = i + 1 == entries_.size() || entries_[i + 1].step > step;
    const int64_t until = last ? step : entries_[i + 1].step;
    const auto left = static_cast<double>(std::max<int64_t>(e.total - e.step, 1));
    at += (1.0 - at) * std::clamp(static_cast<double>(until - e.step) / left, 0.0, 1.0);
    if (last) break;
  }
  return at;
}

void Horizon::correct(int64_t step, int64_t total) {
  bug_if(step < entries_.back().step, "a horizon corrected backwards");
  if (total == entries_.back().total) return;
  if (step == entries_.back().step) {
    entries_.back().total = total;
  } else {
    entries_.push_back({step, total});
  }
}

}  // namespace leam::learn
