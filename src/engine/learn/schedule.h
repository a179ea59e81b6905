// The learning rate as a pure function of the step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leam::learn {

enum class Decay : uint8_t {
  kCosine,  // half a cosine from the peak to the floor (Loshchilov and Hutter, 2017)
  kWsd,     // flat, then down over the last share by 1 - sqrt(x) (Hägele et al., 2024)
  kLinear,  // straight from the peak to the floor
};

struct Schedule {
  double peak = 1e-3;
  double floor = 0.0;    // share of the peak at the end
  int64_t warmup = 100;  // steps, linear from 0
  Decay decay = Decay::kWsd;
  double decay_share = 0.3;  // of kWsd

  // Rate of step `step` (0-based). `progress` in [0, 1] is the share of the run that lies before it.
  double rate(int64_t step, double progress) const;
};

// How far a run is when its length may be corrected on the way: from `step` on, `total` steps in all.
// Progress stays continuous at each correction, and is a pure function of the list. A run of known length
// has one entry.
class Horizon {
 public:
  struct Entry {
    int64_t step = 0, total = 1;
    bool operator==(const Entry&) const = default;
  };
  explicit Horizon(int64_t total) : entries_{{0, total}} {}
  explicit Horizon(std::vector<Entry> entries);

  const std::vector<Entry>& entries() const { return entries_; }
  // Steps in all as seen at `step`; progress before `step`.
  int64_t total(int64_t step) const;
  double progress(int64_t step) const;
  // From `step` on the run has `total` steps in all. step grows from call to call.
  void correct(int64_t step, int64_t total);

 private:
  std::vector<Entry> entries_;
};

}  // namespace leam::learn
