#include "engine/learn/schedule.h"

#include <gtest/gtest.h>

namespace leam::learn {
namespace {

TEST(Schedule, WarmsUpAndDecays) {
  Schedule s;
  s.peak = 1.0, s.warmup = 10;
  for (const Decay decay : {Decay::kCosine, Decay::kWsd, Decay::kLinear}) {
    s.decay = decay;
    EXPECT_NEAR(s.rate(0, 0.0), 0.1, 1e-12);
    EXPECT_NEAR(s.rate(1000, 1.0), 0.0, 1e-12);
    double last = 1.0;
    for (int64_t step = 10; step <= 1000; ++step) {
      const double rate = s.rate(step, static_cast<double>(step) / 1000);
      EXPECT_LE(rate, last + 1e-12);
      last = rate;
    }
  }
  s.decay = Decay::kCosine, s.floor = 0.1;
  EXPECT_NEAR(s.rate(500, 0.5), 0.55, 1e-12);
  EXPECT_NEAR(s.rate(1000, 1.0), 0.1, 1e-12);
  s.decay = Decay::kWsd, s.floor = 0, s.decay_share = 0.2;
  EXPECT_EQ(s.rate(700, 0.79), 1.0);
}

TEST(Horizon, OfKnownLengthIsALine) {
  const Horizon h(200);
  EXPECT_EQ(h.total(57), 200);
  EXPECT_DOUBLE_EQ(h.progress(50), 0.25);
  EXPECT_DOUBLE_EQ(h.progress(200), 1.0);
}

TEST(Horizon, CorrectionsKeepProgressContinuous) {
  Horizon h(100);
  h.correct(20, 180);  // slower than thought: at 0.2, with 160 steps to go
  EXPECT_DOUBLE_EQ(h.progress(20), 0.2);
  EXPECT_DOUBLE_EQ(h.progress(100), 0.6);
  h.correct(100, 110);
  EXPECT_DOUBLE_EQ(h.progress(100), 0.6);
  EXPECT_DOUBLE_EQ(h.progress(105), 0.8);
  EXPECT_DOUBLE_EQ(h.progress(110), 1.0);
  EXPECT_EQ(h.total(10), 100);
  EXPECT_EQ(h.total(99), 180);
  EXPECT_EQ(h.total(100), 110);
  // The list alone gives the same progress again.
  const Horizon again(h.entries());
  for (int64_t step = 0; step <= 110; ++step) EXPECT_EQ(again.progress(step), h.progress(step));
}

}  // namespace
}  // namespace leam::learn
