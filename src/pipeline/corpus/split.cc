#include "pipeline/corpus/split.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/core/rng.h"

namespace leam::corpus {

SplitParams SplitParams::from(Section& s) {
  SplitParams p;
  p.heldout = s.number("heldout", p.heldout, 0, 0.5);
  p.min_chars =
      static_cast<uint64_t>(s.integer("heldout_min_chars", static_cast<int64_t>(p.min_chars), 0, INT64_MAX));
  p.max_chars =
      static_cast<uint64_t>(s.integer("heldout_max_chars", static_cast<int64_t>(p.max_chars), 0, INT64_MAX));
  p.max_share = s.number("heldout_max_share", p.max_share, 0, 0.5);
  return p;
}

json::object SplitParams::to_json() const {
  return {{"heldout", heldout},
          {"heldout_min_chars", min_chars},
          {"heldout_max_chars", max_chars},
          {"heldout_max_share", max_share}};
}

uint64_t heldout_target(const SplitParams& p, uint64_t chars) {
  if (p.heldout == 0) return 0;
  const auto n = static_cast<double>(chars);
  double target = std::max(p.heldout * n, static_cast<double>(p.min_chars));
  target = std::min({target, static_cast<double>(p.max_chars), p.max_share * n});
  return static_cast<uint64_t>(std::llround(target));
}

std::vector<bool> choose_heldout(const SplitParams& p, uint64_t seed,
                                 const std::vector<SplitDocument>& documents) {
  std::vector<bool> out(documents.size(), false);
  if (p.heldout == 0) return out;
  std::map<uint32_t, uint64_t> chars;
  for (const SplitDocument& d : documents) chars[d.language] += d.chars;

  const Stream stream(seed, purpose("corpus.heldout"));
  std::vector<std::pair<uint64_t, size_t>> order;
  order.reserve(documents.size());
  for (size_t i = 0; i < documents.size(); ++i) order.emplace_back(stream.bits64(documents[i].id.low), i);
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return documents[a.second].id < documents[b.second].id;
  });

  std::map<uint32_t, uint64_t> taken;
  for (const auto& [key, i] : order) {
    const SplitDocument& d = documents[i];
    const uint64_t target = heldout_target(p, chars[d.language]);
    uint64_t& have = taken[d.language];
    // One long document must not overshoot a small language's target by much.
    if (have >= target || have + d.chars > target + target / 4) continue;
    have += d.chars;
    out[i] = true;
  }
  return out;
}

}  // namespace leam::corpus
