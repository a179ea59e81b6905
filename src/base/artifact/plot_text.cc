#include <algorithm>
#include <cmath>
#include <limits>

#include "base/artifact/plot.h"

namespace leam::artifact {
namespace {

struct Span {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
  // 0 … 1; the middle when all values are the same.
  double place(double v) const { return high > low ? (v - low) / (high - low) : 0.5; }
};

void append(std::string& out, char32_t c) {  // U+0800 … U+FFFF
  out.push_back(static_cast<char>(0xE0 | (c >> 12)));
  out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
  out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
}

}  // namespace

std::string sparkline(const std::vector<double>& values, int width) {
  std::string out;
  if (width <= 0) return out;
  const auto columns = std::min(static_cast<size_t>(width), values.size());
  std::vector<double> means(columns);
  Span span;
  for (size_t i = 0; i < columns; ++i) {
    const size_t begin = i * values.size() / columns, end = (i + 1) * values.size() / columns;
    double sum = 0, count = 0;
    for (size_t j = begin; j < end; ++j) {
      if (!std::isfinite(values[j])) continue;
      sum += values[j];
      count += 1;
    }
    means[i] = count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
    span.add(means[i]);
  }
  for (const double m : means) {
    if (!std::isfinite(m)) {
      out.push_back(' ');
      continue;
    }
    append(out, U'▁' + static_cast<char32_t>(std::clamp(span.place(m) * 8.0, 0.0, 7.0)));
  }
  return out;
}

std::string text_bar(double fraction, int width, bool pad) {
  if (!std::isfinite(fraction)) fraction = 0;
  const int eighths = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * width * 8));
  std::string out;
  for (int i = 0; i < eighths / 8; ++i) append(out, U'█');
  if (eighths % 8 != 0) append(out, U'█' + static_cast<char32_t>(8 - eighths % 8));
  if (pad) out.append(static_cast<size_t>(std::max(0, width - (eighths + 7) / 8)), ' ');
  return out;
}

std::vector<std::string> braille_plot(const std::vector<double>& x, const std::vector<double>& y, int width,
                                      int height) {
  std::vector<std::string> lines;
  if (width <= 0 || height <= 0) return lines;
  const int columns = width * 2, rows = height * 4;
  const size_t n = std::min(x.size(), y.size());
  Span xs, ys;
  for (size_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    xs.add(x[i]);
    ys.add(y[i]);
  }
  // Mean of each dot column; then the dots between neighbouring columns' heights, so that the line holds
  // together.
  std::vector<double> sum(static_cast<size_t>(columns)), count(static_cast<size_t>(columns));
  for (size_t i = 0; i < n && !xs.empty(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    const auto c = static_cast<size_t>(std::min(columns - 1.0, xs.place(x[i]) * columns));
    sum[c] += y[i];
    count[c] += 1;
  }
  std::vector<bool> dots(static_cast<size_t>(columns) * static_cast<size_t>(rows));
  const auto set = [&](int c, int r) { dots[static_cast<size_t>(r * columns + c)] = true; };
  int last_column = -1, last_row = 0;
  for (int c = 0; c < columns; ++c) {
    const auto at = static_cast<size_t>(c);
    if (count[at] == 0) continue;
    const int row = std::clamp(
        static_cast<int>(std::lround((1 - ys.place(sum[at] / count[at])) * (rows - 1))), 0, rows - 1);
    const int from = last_column < 0 ? c : last_column + 1;
    for (int k = from; k <= c; ++k) {
      const double part = last_column < 0 ? 1.0 : static_cast<double>(k - last_column) / (c - last_column);
      const double before =
          last_column < 0 ? 1.0 : static_cast<double>(k - 1 - last_column) / (c - last_column);
      const int start =
          last_column < 0 ? row : last_row + static_cast<int>(std::lround((row - last_row) * before));
      const int end =
          last_column < 0 ? row : last_row + static_cast<int>(std::lround((row - last_row) * part));
      if (start == end) {
        set(k, end);
      } else {
        for (int r = start; r != end;) {
          r += end > start ? 1 : -1;
          set(k, r);
        }
      }
    }
    last_column = c;
    last_row = row;
  }
  static constexpr int kBit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  for (int line = 0; line < height; ++line) {
    std::string text;
    for (int c = 0; c < width; ++c) {
      char32_t cell = 0x2800;
      for (int r = 0; r < 4; ++r) {
        for (int k = 0; k < 2; ++k) {
          if (dots[static_cast<size_t>((line * 4 + r) * columns + c * 2 + k)]) {
            cell |= static_cast<char32_t>(kBit[r][k]);
          }
        }
      }
      append(text, cell);
    }
    lines.push_back(std::move(text));
  }
  return lines;
}

}  // namespace leam::artifact
