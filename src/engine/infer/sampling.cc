#include "engine/infer/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/core/result.h"
#include "base/core/rng.h"

namespace leam::infer {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

float clean(float x) {
  return std::isfinite(x) ? x : kImpossible;
}

// [0, 1) with 53 bits.
double uniform(uint64_t seed, uint64_t position) {
  static constexpr uint32_t kPurpose = purpose("infer.sample");
  return static_cast<double>(Stream(seed, kPurpose, position).bits64(0) >> 11) * 0x1p-53;
}

int32_t argmax(std::span<const float> x) {
  size_t best = 0;
  for (size_t i = 1; i < x.size(); ++i) {
    if (clean(x[i]) > clean(x[best])) best = i;
  }
  return static_cast<int32_t>(best);
}

// Ids by falling value, lower id first among equals; only the first `count` are in order.
void most_probable_first(std::span<const float> x, std::vector<int32_t>& ids, size_t count) {
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [&](int32_t a, int32_t b) {
                      const float xa = x[static_cast<size_t>(a)], xb = x[static_cast<size_t>(b)];
                      return xa != xb ? xa > xb : a < b;
                    });
}

int32_t draw(std::span<const float> logits, const Sampling& how, uint64_t position) {
  const float top = clean(logits[static_cast<size_t>(argmax(logits))]);
  if (top == kImpossible) return 0;
  std::vector<float> p(logits.size());
  const auto scale = static_cast<float>(1.0 / how.temperature);
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += double{p[i] = std::exp((clean(logits[i]) - top) * scale)};
  const double u = uniform(how.seed, position);

  if (how.top_p >= 1.0) {
    double left = u * sum;
    int32_t last = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      if (p[i] == 0) continue;
      last = static_cast<int32_t>(i);
      left -= double{p[i]};
      if (left < 0) return last;
    }
    return last;
  }
  // Nucleus: order as many as are needed, in growing pieces.
  std::vector<int32_t> ids(p.size());
  std::iota(ids.begin(), ids.end(), 0);
  const double mass = how.top_p * sum;
  size_t ordered = std::min<size_t>(64, p.size()), kept = 0;
  double held = 0;
  while (true) {
    most_probable_first(p, ids, ordered);
    held = 0;
    kept = 0;
    while (kept < ordered && (held < mass || kept == 0)) held += double{p[static_cast<size_t>(ids[kept++])]};
    if (held >= mass || ordered == p.size()) break;
    ordered = std::min(ordered * 8, p.size());
  }
  double left = u * held;
  for (size_t i = 0; i < kept; ++i) {
    left -= double{p[static_cast<size_t>(ids[i])]};
    if (left < 0) return ids[i];
  }
  return ids[kept - 1];
}

void report(std::span<const float> logits, int alternatives, Sampled& out) {
  const float top = clean(logits[static_cast<size_t>(argmax(logits))]);
  if (top == kImpossible) return;
  double sum = 0;
  for (const float x : logits) sum += std::exp(double{clean(x) - top});
  const double norm = double{top} + std::log(sum);
  // JSON has no infinity: an impossible token gets a number nobody mistakes for a probability.
  const auto logprob = [&](int32_t id) {
    const float x = clean(logits[static_cast<size_t>(id)]);
    return x == kImpossible ? -9999.0f : static_cast<float>(double{x} - norm);
  };
  out.logprob = logprob(out.id);
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const size_t n = std::min(logits.size(), static_cast<size_t>(alternatives));
  std::vector<float> cleaned(logits.size());
  std::ranges::transform(logits, cleaned.begin(), clean);
  most_probable_first(cleaned, ids, n);
  for (size_t i = 0; i < n; ++i) out.top.push_back({ids[i], logprob(ids[i])});
}

}  // namespace

Sampled sample(std::span<const float> logits, const Sampling& how, uint64_t position,
               const TokenCounts& generated) {
  bug_if(logits.empty() || how.temperature < 0 || how.top_p <= 0, "sampling without logits or out of range");
  Sampled out;
  std::vector<float> changed;
  std::span<const float> used = logits;
  if (how.presence_penalty != 0 || how.frequency_penalty != 0 || !how.bias.empty()) {
    changed.assign(logits.begin(), logits.end());
    for (const auto& [id, count] : generated) {
      changed[static_cast<size_t>(id)] -=
          static_cast<float>(how.presence_penalty + how.frequency_penalty * count);
    }
    for (const auto& [id, bias] : how.bias) changed[static_cast<size_t>(id)] += bias;
    used = changed;
  }
  out.id = how.temperature == 0 ? argmax(used) : draw(used, how, position);
  if (how.logprobs >= 0) report(logits, how.logprobs, out);
  return out;
}

}  // namespace leam::infer
