#include "base/artifact/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace leam::artifact {
namespace {

constexpr double kText = 6.6;  // width of an average character of the 12 px label font

// Code points, as a measure of how wide a label is.
double text_width(std::string_view text) {
  const auto n = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
  return static_cast<double>(n) * kText;
}

// Coordinates with one decimal place: enough for the eye, and short.
std::string px(double v) {
  std::string out = fmt::format("{:.1f}", v);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  if (out == "-0") out = "0";
  return out;
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
};

// An axis: data → pixels.
struct Axis {
  bool log = false;
  double low = 0, high = 1, from = 0, to = 1;
  std::vector<double> ticks;

  double place(double v) const {
    const double a = log ? std::log10(low) : low, b = log ? std::log10(high) : high;
    const double t = ((log ? std::log10(v) : v) - a) / (b - a);
    return from + t * (to - from);
  }
};

Axis make_axis(Range r, bool log, bool zero, int about, double from, double to, bool tight) {
  Axis axis;
  axis.log = log && r.low > 0;
  axis.from = from;
  axis.to = to;
  if (r.empty()) r = {0, 1};
  if (zero && !axis.log) r.low = std::min(r.low, 0.0);
  if (r.low == r.high) {  // a single value lies in the middle
    const double pad = r.low == 0 ? 1 : std::abs(r.low) * 0.5;
    r.low -= pad;
    r.high += pad;
  }
  if (axis.log) {
    const int a = static_cast<int>(std::floor(std::log10(r.low))),
              b = static_cast<int>(std::ceil(std::log10(r.high)));
    for (int e = a; e <= b; ++e) {
      for (const double m : b - a > 3 ? std::vector<double>{1} : std::vector<double>{1, 2, 5}) {
        axis.ticks.push_back(m * std::pow(10, e));
      }
    }
    axis.low = r.low;
    axis.high = r.high;
  } else {
    axis.ticks = nice_ticks(r.low, r.high, about);
    axis.low = tight ? r.low : axis.ticks.front();
    axis.high = tight ? r.high : axis.ticks.back();
  }
  const double slack = (axis.high - axis.low) * 1e-9;
  std::erase_if(axis.ticks, [&](double t) { return t < axis.low - slack || t > axis.high + slack; });
  return axis;
}

std::string text(double x, double y, std::string_view anchor, std::string_view css,
                 std::string_view content) {
  return fmt::format(R"(<text x="{}" y="{}" text-anchor="{}" class="{}">{}</text>)", px(x), px(y), anchor,
                     css, xml_escape(content));
}

std::string head(int width, double height, std::string_view title, std::string_view description) {
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" class="chart">)"
      "<title>{}</title><desc>{}</desc>",
      width, px(height), xml_escape(title), xml_escape(description));
}

int colour_of(int colour, size_t place) {
  return (colour >= 0 ? colour : static_cast<int>(place)) % 8 + 1;
}

// Legend entries in rows from `y` on; returns the y below them.
double legend(std::string& out, const std::vector<std::pair<std::string, int>>& entries, double x0, double y,
              double width) {
  double x = x0;
  for (const auto& [name, colour] : entries) {
    const double w = 18 + text_width(name) + 20;
    if (x > x0 && x + w > x0 + width) {
      x = x0;
      y += 20;
    }
    out += fmt::format(R"(<rect x="{}" y="{}" width="12" height="12" rx="3" class="s{}"/>)", px(x),
                       px(y - 10), colour);
    out += text(x + 18, y, "start", "t", name);
    x += w;
  }
  return y + 14;
}

using Points = std::vector<std::pair<double, double>>;  // in pixels

// Each pixel column keeps its first, lowest, highest and last point, in order.
Points thin(const Points& in) {
  if (in.size() < 2000) return in;
  Points out;
  for (size_t i = 0; i < in.size();) {
    size_t end = i, low = i, high = i;
    while (end < in.size() && std::floor(in[end].first) == std::floor(in[i].first)) {
      if (in[end].second < in[low].second) low = end;
      if (in[end].second > in[high].second) high = end;
      ++end;
    }
    std::vector<size_t> keep{i, low, high, end - 1};
    std::sort(keep.begin(), keep.end());
    keep.erase(std::unique(keep.begin(), keep.end()), keep.end());
    for (const size_t k : keep) out.push_back(in[k]);
    i = end;
  }
  return out;
}

std::string draw(const Series& s, int colour, const Axis& x, const Axis& y) {
  Points points;
  for (size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
    if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
    if ((x.log && s.x[i] <= 0) || (y.log && s.y[i] <= 0)) continue;
    points.emplace_back(x.place(s.x[i]), y.place(s.y[i]));
  }
  std::string out;
  if (s.style == LineStyle::kPoints || points.size() == 1) {
    for (const auto& [a, b] : points) {
      out += fmt::format(R"(<circle cx="{}" cy="{}" r="4" class="s{}"/>)", px(a), px(b), colour);
    }
    return out;
  }
  std::string path;
  for (const auto& [a, b] : thin(points)) {
    path += fmt::format("{}{} {}", path.empty() ? "M" : "L", px(a), px(b));
  }
  if (path.empty()) return out;
  return fmt::format(R"(<path d="{}" class="line{} l{}"/>)", path,
                     s.style == LineStyle::kFaint ? " faint" : "", colour);
}

}  // namespace

std::string xml_escape(std::string_view in) {
  std::string out;
  out.reserve(in.size());
  for (const char c : in) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r') {
          out += "\xEF\xBF\xBD";
        } else {
          out.push_back(c);
        }
    }
  }
  return out;
}

std::string short_number(double v) {
  if (!std::isfinite(v)) return "–";
  const double a = std::abs(v);
  const auto cut = [](double value, std::string_view unit) {
    std::string s = fmt::format("{:.3g}", value);
    if (s.find('e') != std::string::npos) s = fmt::format("{:.0f}", value);
    return s + std::string(unit);
  };
  if (a >= 1e12 || (a != 0 && a < 1e-4)) return fmt::format("{:.2g}", v);
  if (a >= 999.5e6) return cut(v / 1e9, "G");
  if (a >= 999.5e3) return cut(v / 1e6, "M");
  if (a >= 9999.5) return cut(v / 1e3, "k");
  if (a >= 1000) return fmt::format("{:.0f}", v);
  return cut(v, "");
}

std::vector<double> nice_ticks(double low, double high, int about) {
  std::vector<double> out;
  if (!std::isfinite(low) || !std::isfinite(high) || about < 1) return out;
  if (high < low) std::swap(low, high);
  if (high == low) return {low};
  const double raw = (high - low) / about;
  const double base = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * base;
  for (const double m : {1.0, 2.0, 2.5, 5.0}) {
    if (m * base >= raw * (1 - 1e-9)) {
      step = m * base;
      break;
    }
  }
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  for (double k = first; k <= last; k += 1) out.push_back(k * step == 0 ? 0.0 : k * step);
  return out;
}

std::string svg(const LineChart& chart) {
  Range xs, ys;
  for (const Series& s : chart.series) {
    for (size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
      if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
      if ((chart.log_x && s.x[i] <= 0) || (chart.log_y && s.y[i] <= 0)) continue;
      xs.add(s.x[i]);
      ys.add(s.y[i]);
    }
  }
  std::string body;
  double top = 12;
  std::vector<std::pair<std::string, int>> names;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const Series& s = chart.series[i];
    if (s.style != LineStyle::kFaint && !s.name.empty()) names.emplace_back(s.name, colour_of(s.colour, i));
  }
  if (names.size() > 1) top = legend(body, names, 56, 16, chart.width - 72);
  if (!chart.y_label.empty()) {
    body += text(8, top + 4, "start", "t m", chart.y_label);
    top += 16;
  }
  const double left = 56, right = chart.width - 16.0, bottom = chart.height - 44.0;
  const Axis y = make_axis(ys, chart.log_y, chart.zero_y, 5, bottom, top, false);
  const Axis x = make_axis(xs, chart.log_x, false, 7, left, right, true);
  for (const double t : y.ticks) {
    const double at = y.place(t);
    body += fmt::format(R"(<line x1="{}" x2="{}" y1="{}" y2="{}" class="grid"/>)", px(left), px(right),
                        px(at), px(at));
    body += text(left - 8, at + 4, "end", "t m", short_number(t));
  }
  for (const double t : x.ticks) {
    body += fmt::format(R"(<line x1="{0}" x2="{0}" y1="{1}" y2="{2}" class="axis"/>)", px(x.place(t)),
                        px(bottom), px(bottom + 5));
    body += text(x.place(t), bottom + 19, "middle", "t m", short_number(t));
  }
  body += fmt::format(R"(<line x1="{}" x2="{}" y1="{}" y2="{}" class="axis"/>)", px(left), px(right),
                      px(bottom), px(bottom));
  if (!chart.x_label.empty()) {
    body += text((left + right) / 2, chart.height - 6, "middle", "t m", chart.x_label);
  }
  if (xs.empty()) body += text((left + right) / 2, (top + bottom) / 2, "middle", "t m", "no data");
  for (const bool faint : {true, false}) {
    for (size_t i = 0; i < chart.series.size(); ++i) {
      const Series& s = chart.series[i];
      if ((s.style == LineStyle::kFaint) == faint) body += draw(s, colour_of(s.colour, i), x, y);
    }
  }
  std::string description = fmt::format("Line chart of {} over {}.", chart.y_label, chart.x_label);
  for (const Series& s : chart.series) {
    if (s.style == LineStyle::kFaint || s.y.empty()) continue;
    description +=
        fmt::format(" {}: from {} to {}.", s.name, short_number(s.y.front()), short_number(s.y.back()));
  }
  return head(chart.width, chart.height, chart.title, description) + body + "</svg>";
}

std::string svg(const BarChart& chart) {
  Range r{0, 0};
  double label_width = 0, note_width = 0;
  const size_t series = std::max<size_t>(1, chart.series.size());
  const auto note = [](const BarGroup& g, size_t i) {
    return i < g.notes.size() ? g.notes[i] : short_number(g.values[i]);
  };
  for (const BarGroup& g : chart.groups) {
    label_width = std::max(label_width, text_width(g.label));
    double sum = 0;
    for (size_t i = 0; i < g.values.size(); ++i) {
      const double v = std::isfinite(g.values[i]) ? std::max(0.0, g.values[i]) : 0;
      sum += v;
      r.add(v);
      note_width = std::max(note_width, text_width(note(g, i)));
    }
    if (chart.stacked) r.add(sum);
  }
  std::string body;
  const double left = std::min(label_width + 16, chart.width * 0.4);
  const double right = std::max(left + 80, chart.width - 16 - note_width - 6);
  double y = 16;
  const auto colour = [&](size_t i) {
    return colour_of(i < chart.colours.size() ? chart.colours[i] : -1, i);
  };
  if (chart.series.size() > 1) {
    std::vector<std::pair<std::string, int>> names;
    for (size_t i = 0; i < chart.series.size(); ++i) names.emplace_back(chart.series[i], colour(i));
    y = legend(body, names, left, y, chart.width - left - 16) + 4;
  }
  const double top = y;
  const Axis x = make_axis(r, false, true, 6, left, right, false);
  const double bar = chart.stacked || series == 1 ? 16 : 12, gap = 2;
  const double step = chart.stacked ? bar + 8 : static_cast<double>(series) * (bar + gap) + 8;
  const double bottom = top + step * static_cast<double>(chart.groups.size());
  for (const double t : x.ticks) {
    body += fmt::format(R"(<line x1="{0}" x2="{0}" y1="{1}" y2="{2}" class="grid"/>)", px(x.place(t)),
                        px(top), px(bottom));
    body += text(x.place(t), bottom + 16, "middle", "t m", short_number(t));
  }
  for (const BarGroup& g : chart.groups) {
    body += text(left - 8, y + (step - 8) / 2 + 4, "end", "t", g.label);
    double at = left;
    std::string stacked_note;
    for (size_t i = 0; i < g.values.size() && i < series; ++i) {
      const double v = std::isfinite(g.values[i]) ? std::max(0.0, g.values[i]) : 0;
      const double from = chart.stacked ? at : left;
      const double w = x.place(v) - left;
      const double by = chart.stacked ? y : y + static_cast<double>(i) * (bar + gap);
      body += fmt::format(
          R"(<rect x="{}" y="{}" width="{}" height="{}" rx="2" class="s{}"><title>{}</title></rect>)",
          px(from), px(by), px(std::max(w, v > 0 ? 1.0 : 0.0)), px(bar), colour(i),
          xml_escape(fmt::format("{}{}{}: {}", g.label, chart.series.size() > 1 ? ", " : "",
                                 chart.series.size() > 1 ? chart.series[i] : "", note(g, i))));
      if (chart.stacked) {
        at += w;
      } else {
        body += text(left + w + 6, by + bar / 2 + 4, "start", "t n", note(g, i));
      }
    }
    if (chart.stacked) {
      double sum = 0;
      for (const double v : g.values) sum += std::isfinite(v) ? std::max(0.0, v) : 0;
      body +=
          text(at + 6, y + bar / 2 + 4, "start", "t n", g.notes.size() == 1 ? g.notes[0] : short_number(sum));
    }
    y += step;
  }
  body += fmt::format(R"(<line x1="{0}" x2="{0}" y1="{1}" y2="{2}" class="axis"/>)", px(left), px(top),
                      px(bottom));
  double height = bottom + 24;
  if (!chart.value_label.empty()) {
    body += text((left + right) / 2, bottom + 34, "middle", "t m", chart.value_label);
    height += 18;
  }
  const std::string description =
      fmt::format("Bar chart of {} for {} groups.", chart.value_label, chart.groups.size());
  return head(chart.width, height, chart.title, description) + body + "</svg>";
}

}  // namespace leam::artifact
