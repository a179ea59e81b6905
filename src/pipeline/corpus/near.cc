#include "pipeline/corpus/near.h"

#include <algorithm>
#include <numeric>

#include "pipeline/corpus/scan.h"

namespace leam::corpus {
namespace {

// Documents of a bucket that new members are compared with. A bucket of the web can hold a million copies
// of one page; those all meet the first representative.
constexpr size_t kRepresentatives = 8;

struct Entry {
  uint64_t key;
  uint32_t document;
  auto operator<=>(const Entry&) const = default;
};
using Pair = std::pair<uint32_t, uint32_t>;

// Pairs of this band whose signatures are alike.
std::vector<Pair> band_pairs(uint32_t documents, const SignatureOf& signature_of, const MinHash& minhash,
                             double threshold, size_t band) {
  std::vector<Entry> entries;
  entries.reserve(documents);
  for (uint32_t d = 0; d < documents; ++d) entries.push_back({minhash.band_key(signature_of(d), band), d});
  std::sort(entries.begin(), entries.end());
  std::vector<Pair> out;
  std::vector<uint32_t> heads;
  for (size_t i = 0; i < entries.size();) {
    size_t end = i + 1;
    while (end < entries.size() && entries[end].key == entries[i].key) ++end;
    heads.clear();
    for (; i < end; ++i) {
      const uint32_t d = entries[i].document;
      const auto like = std::find_if(heads.begin(), heads.end(), [&](uint32_t head) {
        return similarity(signature_of(head), signature_of(d)) >= threshold;
      });
      if (like != heads.end()) {
        out.emplace_back(*like, d);
      } else if (heads.size() < kRepresentatives) {
        heads.push_back(d);
      }
    }
  }
  return out;
}

class Clusters {
 public:
  explicit Clusters(uint32_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0u); }
  uint32_t find(uint32_t x) {
    while (parent_[x] != x) x = parent_[x] = parent_[parent_[x]];
    return x;
  }
  // The lower number is the root, whatever the order of joins.
  void join(uint32_t a, uint32_t b) {
    a = find(a), b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<uint32_t> parent_;
};

}  // namespace

Result<std::vector<NearDuplicate>> near_duplicates(uint32_t documents, const SignatureOf& signature_of,
                                                   const MinHash& minhash, double threshold, Context& ctx) {
  const size_t bands = minhash.shape().bands;
  std::vector<std::vector<Pair>> pairs(bands);
  LEAM_TRY(run_tasks(ctx, bands, [&](size_t band) -> Result<void> {
    pairs[band] = band_pairs(documents, signature_of, minhash, threshold, band);
    return {};
  }));
  Clusters clusters(documents);
  for (const auto& band : pairs) {
    for (const auto& [a, b] : band) clusters.join(a, b);
  }

  std::vector<Pair> members;  // (root, document) of clusters of two and more
  for (uint32_t d = 0; d < documents; ++d) {
    const uint32_t root = clusters.find(d);
    if (root != d) members.emplace_back(root, d);
  }
  std::sort(members.begin(), members.end());
  std::vector<NearDuplicate> out;
  std::vector<uint32_t> kept;
  for (size_t i = 0; i < members.size(); ++i) {
    const auto [root, d] = members[i];
    if (i == 0 || members[i - 1].first != root) kept.assign(1, root);
    NearDuplicate best{d, d, 0};
    for (const uint32_t k : kept) {
      const double s = similarity(signature_of(k), signature_of(d));
      if (s > best.similarity) best = {d, k, s};
    }
    if (best.similarity >= threshold) {
      out.push_back(best);
    } else {
      kept.push_back(d);
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.document < b.document; });
  return out;
}

}  // namespace leam::corpus
