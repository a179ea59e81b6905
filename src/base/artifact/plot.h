// Charts as SVG text, for reports that are one file: numbers in, a string out, nothing else.
//
//   LineChart c{.title = "Loss", .x_label = "tokens", .y_label = "nats"};
//   c.series.push_back({"train", xs, ys});
//   page.figure(svg(c), "Loss while training.");
//
// The text is well-formed XML whatever the names hold (everything is escaped), has a title and a description
// for screen readers, scales with the page, and takes its colours from the page's style sheet (classes
// `s1` … `s8`, see html_report.h), so that light, dark and print work. Values that are not finite are left
// out. The same input gives the same bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leam::artifact {

// & < > " ' as entities; characters that XML forbids become U+FFFD.
std::string xml_escape(std::string_view text);

// A number as an axis shows it: 1200000 → "1.2M", 0.25 → "0.25".
std::string short_number(double value);

// Round positions (1, 2, 2.5 or 5 times a power of ten) from at or below `low` to at or above `high`.
std::vector<double> nice_ticks(double low, double high, int about);

enum class LineStyle { kLine, kPoints, kFaint };  // kFaint: behind the others, e.g. the unsmoothed curve

struct Series {
  std::string name;
  std::vector<double> x{}, y{};  // the shorter one counts
  LineStyle style = LineStyle::kLine;
  int colour = -1;  // 0 … 7; -1: by its place among the series
};

struct LineChart {
  std::string title{};  // spoken and shown above
  std::string x_label{}, y_label{};
  std::vector<Series> series{};
  bool zero_y = false;  // the y axis starts at zero
  bool log_x = false, log_y = false;
  int width = 720, height = 320;  // of the drawing; the page scales it
};
// More points than the drawing has columns are reduced to each column's first, lowest, highest and last.
std::string svg(const LineChart& chart);

// A category with a value for each series.
struct BarGroup {
  std::string label;
  std::vector<double> values{};
  std::vector<std::string> notes{};  // shown behind each bar instead of the number, when given
};

// Horizontal bars, one group below the other: labels stay readable however many there are.
struct BarChart {
  std::string title{};
  std::string value_label{};
  std::vector<std::string> series{};  // names; one needs no legend
  std::vector<int> colours{};         // 0 … 7 for each series; empty: by place
  std::vector<BarGroup> groups{};
  bool stacked = false;
  int width = 720;
};
std::string svg(const BarChart& chart);

// For a terminal. ▁▂▃▄▅▆▇█ of `width` characters, each the mean of its share of the values.
std::string sparkline(const std::vector<double>& values, int width);
// ████▌   of `width` characters for 0 ≤ fraction ≤ 1, padded with spaces if `pad`.
std::string text_bar(double fraction, int width, bool pad = true);
// A line plot of braille dots, `height` lines of `width` characters, without axes.
std::vector<std::string> braille_plot(const std::vector<double>& x, const std::vector<double>& y, int width,
                                      int height);

}  // namespace leam::artifact
