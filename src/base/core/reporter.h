// How a stage talks to people. Libraries never print: they tell a Reporter, and the program decides
// whether that is a progress bar, a line in a log, or nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leam {

struct Progress {
  std::string_view what;   // "reading pages"
  double done = 0;         // in `unit`
  double total = 0;        // 0 when not known
  std::string_view unit;   // "pages", "bytes", "tokens"; bytes are shown as MB
  std::string_view extra;  // "loss 4.31  lr 0.0030"
  // Seconds left, when the stage knows better than done/total; negative: compute it from the rate.
  double seconds_left = -1;
};

class Reporter {
 public:
  virtual ~Reporter() = default;
  // Cheap enough to call for every piece of work: the program redraws a few times a second.
  virtual void progress(const Progress& p) = 0;
  // A line that stays: what a stage found or decided.
  virtual void note(std::string_view line) = 0;
  // Something is wrong and the work goes on.
  virtual void warn(std::string_view line) = 0;
};

// Says nothing; for tests and servers.
class QuietReporter : public Reporter {
 public:
  void progress(const Progress&) override {}
  void note(std::string_view) override {}
  void warn(std::string_view) override {}
};

}  // namespace leam
