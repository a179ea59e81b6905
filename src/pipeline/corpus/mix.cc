#include "pipeline/corpus/mix.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/core/rng.h"

namespace leam::corpus {
namespace {

std::vector<double> temperature_epochs(const MixParams& p, const std::vector<uint64_t>& chars) {
  const uint64_t largest = *std::max_element(chars.begin(), chars.end());
  std::vector<double> epochs(chars.size(), 0), weight(chars.size(), 0);
  // Relative to the largest language, so that powers stay in range and it gets exactly one epoch.
  const auto relative = [&](size_t i) {
    return static_cast<double>(largest) / static_cast<double>(chars[i]);
  };
  if (p.budget == 0) {
    for (size_t i = 0; i < chars.size(); ++i)
      if (chars[i] > 0) epochs[i] = std::min(std::pow(relative(i), 1 - p.alpha), p.max_epochs);
    return epochs;
  }
  for (size_t i = 0; i < chars.size(); ++i)
    if (chars[i] > 0) weight[i] = std::pow(relative(i), -p.alpha);
  // Shares of the budget; what a capped language leaves over goes to the others, by the same weights.
  std::vector<bool> capped(chars.size(), false);
  double budget = static_cast<double>(p.budget);
  for (bool again = true; again;) {
    again = false;
    double total = 0;
    for (size_t i = 0; i < chars.size(); ++i) total += capped[i] ? 0 : weight[i];
    if (total == 0) break;
    double left = budget;
    for (size_t i = 0; i < chars.size(); ++i) {
      if (capped[i] || chars[i] == 0) continue;
      const auto n = static_cast<double>(chars[i]);
      epochs[i] = budget * weight[i] / total / n;
      if (epochs[i] > p.max_epochs) {
        epochs[i] = p.max_epochs;
        capped[i] = true;
        left -= p.max_epochs * n;
        again = true;
      }
    }
    budget = std::max(left, 0.0);
  }
  return epochs;
}

}  // namespace

MixParams MixParams::from(Section& s) {
  MixParams p;
  const std::string kind = s.choice("mix", "temperature", {"none", "temperature", "unimax"});
  p.kind = kind == "none" ? Kind::kNone : kind == "unimax" ? Kind::kUnimax : Kind::kTemperature;
  p.alpha = s.number("alpha", p.alpha, 0, 1);
  p.max_epochs = s.number("max_epochs", p.max_epochs, 0.01, 1000);
  p.budget = static_cast<uint64_t>(s.integer("mix_chars", 0, 0, INT64_MAX));
  return p;
}

json::object MixParams::to_json() const {
  const char* name = kind == Kind::kNone ? "none" : kind == Kind::kUnimax ? "unimax" : "temperature";
  return {{"mix", name}, {"alpha", alpha}, {"max_epochs", max_epochs}, {"mix_chars", budget}};
}

std::vector<double> unimax(const std::vector<uint64_t>& chars, double budget, double max_epochs) {
  std::vector<size_t> order(chars.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return chars[a] < chars[b]; });
  std::vector<double> out(chars.size(), 0);
  double left = budget;
  for (size_t k = 0; k < order.size(); ++k) {
    const size_t i = order[k];
    const double equal = left / static_cast<double>(order.size() - k);
    out[i] = std::min(equal, max_epochs * static_cast<double>(chars[i]));
    left -= out[i];
  }
  return out;
}

std::vector<double> mix_epochs(const MixParams& p, const std::vector<uint64_t>& chars) {
  std::vector<double> epochs(chars.size(), 0);
  const uint64_t total = std::accumulate(chars.begin(), chars.end(), uint64_t{0});
  if (total == 0) return epochs;
  switch (p.kind) {
    case MixParams::Kind::kNone:
      for (size_t i = 0; i < chars.size(); ++i) epochs[i] = chars[i] > 0 ? 1 : 0;
      return epochs;
    case MixParams::Kind::kTemperature:
      return temperature_epochs(p, chars);
    case MixParams::Kind::kUnimax: {
      epochs = unimax(chars, static_cast<double>(p.budget == 0 ? total : p.budget), p.max_epochs);
      for (size_t i = 0; i < chars.size(); ++i)
        if (chars[i] > 0) epochs[i] /= static_cast<double>(chars[i]);
      return epochs;
    }
  }
  bug("unknown mix");
}

Copies copies_of(Hash128 id, double epochs, uint64_t seed) {
  const double whole = std::floor(epochs);
  const uint64_t bits = Stream(seed, purpose("corpus.mix")).bits64(id.low);
  const double draw = static_cast<double>(bits >> 11) * 0x1p-53;
  return {static_cast<uint32_t>(whole) + (draw < epochs - whole ? 1u : 0u), draw};
}

}  // namespace leam::corpus
