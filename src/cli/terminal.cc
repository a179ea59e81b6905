#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <mutex>

#include "base/core/units.h"

namespace leam::cli {
namespace {

constexpr int64_t kRedrawNs = 100'000'000;      // a terminal
constexpr int64_t kLogEveryNs = 5'000'000'000;  // a file

std::string amount(double n, std::string_view unit) {
  if (unit == "bytes") return human_bytes(n);
  return human_count(n);
}

std::string cut(std::string text, size_t width) {
  size_t at = 0, used = 0;
  while (at < text.size()) {
    size_t next = at + 1;
    while (next < text.size() && (text[next] & 0xC0) == 0x80) ++next;
    if (++used > width) return text.substr(0, at);
    at = next;
  }
  return text;
}

class Terminal : public Reporter {
 public:
  explicit Terminal(Env& env) : env_(env), tty_(::isatty(STDERR_FILENO) == 1) {}
  ~Terminal() override { clear(); }

  void progress(const Progress& p) override {
    const std::lock_guard lock(mutex_);
    const int64_t now = env_.monotonic_ns();
    if (p.what != what_) {
      what_ = p.what;
      started_ = now;
      first_done_ = p.done;
      last_ = 0;
    }
    const bool finished = p.total > 0 && p.done >= p.total;
    if (now - last_ < (tty_ ? kRedrawNs : kLogEveryNs) && !(finished && tty_)) return;
    // A log needs no line for work that is over before the reader would ask.
    if (!tty_ && now - started_ < kLogEveryNs) return;
    last_ = now;
    const std::string line = describe(p, static_cast<double>(now - started_) * 1e-9);
    if (tty_) {
      std::fprintf(stderr, "\r\033[K%s", cut(line, width() - 1).c_str());
      drawn_ = true;
    } else {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
    std::fflush(stderr);
  }
  void note(std::string_view line) override { say("", line); }
  void warn(std::string_view line) override { say("warning: ", line); }

 private:
  static size_t width() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
    return 100;
  }
  void say(std::string_view prefix, std::string_view line) {
    const std::lock_guard lock(mutex_);
    clear();
    std::fprintf(stderr, "  %.*s%.*s\n", static_cast<int>(prefix.size()), prefix.data(),
                 static_cast<int>(line.size()), line.data());
    std::fflush(stderr);
  }
  void clear() {
    if (drawn_) std::fprintf(stderr, "\r\033[K");
    drawn_ = false;
  }
  std::string describe(const Progress& p, double elapsed) const {
    const double rate = elapsed > 0.2 ? (p.done - first_done_) / elapsed : 0;
    std::string line = fmt::format("  {:<18}", p.what);
    if (p.total > 0) {
      const double share = std::clamp(p.done / p.total, 0.0, 1.0);
      constexpr int kCells = 20;
      const int full = static_cast<int>(share * kCells);
      line += " ";
      for (int i = 0; i < kCells; ++i) line += i < full ? "█" : "░";
      line += fmt::format(" {:3.0f} %  {}/{} {}", share * 100, amount(p.done, p.unit),
                          amount(p.total, p.unit), p.unit);
    } else {
      line += fmt::format(" {} {}", amount(p.done, p.unit), p.unit);
    }
    if (rate > 0) line += fmt::format("  {}/s", amount(rate, p.unit));
    double left = p.seconds_left;
    if (left < 0 && p.total > 0 && rate > 0) left = (p.total - p.done) / rate;
    if (left >= 0 && p.total > 0) line += fmt::format("  {} left", human_seconds(std::ceil(left)));
    if (!p.extra.empty()) line += fmt::format("  {}", p.extra);
    return line;
  }

  Env& env_;
  bool tty_, drawn_ = false;
  std::mutex mutex_;
  std::string what_;
  int64_t started_ = 0, last_ = 0;
  double first_done_ = 0;
};

}  // namespace

std::unique_ptr<Reporter> terminal_reporter(Env& env) {
  return std::make_unique<Terminal>(env);
}

}  // namespace leam::cli
