#include "pipeline/corpus/minhash.h"

#include <algorithm>

#include "base/core/hash.h"
#include "base/core/result.h"
#include "base/core/rng.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "pipeline/corpus/minhash.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace leam::corpus::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// signature[i] = min over shingles h of ((low(h) ^ flip[i]) * factor[i] + high(h)) mod 2^32. For a fixed
// high half each place is a permutation of the low half. `places` is a multiple of 64.
void SignAll(const uint64_t* shingles, size_t n, const uint32_t* flip, const uint32_t* factor,
             uint32_t* signature, size_t places) {
  const hn::CappedTag<uint32_t, 16> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < places; i += 4 * lanes) {
    const auto f0 = hn::LoadU(d, flip + i), f1 = hn::LoadU(d, flip + i + lanes);
    const auto f2 = hn::LoadU(d, flip + i + 2 * lanes), f3 = hn::LoadU(d, flip + i + 3 * lanes);
    const auto a0 = hn::LoadU(d, factor + i), a1 = hn::LoadU(d, factor + i + lanes);
    const auto a2 = hn::LoadU(d, factor + i + 2 * lanes), a3 = hn::LoadU(d, factor + i + 3 * lanes);
    auto m0 = hn::Set(d, ~0u), m1 = m0, m2 = m0, m3 = m0;
    for (size_t s = 0; s < n; ++s) {
      const auto low = hn::Set(d, static_cast<uint32_t>(shingles[s]));
      const auto high = hn::Set(d, static_cast<uint32_t>(shingles[s] >> 32));
      m0 = hn::Min(m0, hn::Add(hn::Mul(hn::Xor(low, f0), a0), high));
      m1 = hn::Min(m1, hn::Add(hn::Mul(hn::Xor(low, f1), a1), high));
      m2 = hn::Min(m2, hn::Add(hn::Mul(hn::Xor(low, f2), a2), high));
      m3 = hn::Min(m3, hn::Add(hn::Mul(hn::Xor(low, f3), a3), high));
    }
    hn::StoreU(m0, d, signature + i);
    hn::StoreU(m1, d, signature + i + lanes);
    hn::StoreU(m2, d, signature + i + 2 * lanes);
    hn::StoreU(m3, d, signature + i + 3 * lanes);
  }
}

size_t CountEqual(const uint32_t* a, const uint32_t* b, size_t n) {
  const hn::CappedTag<uint32_t, 16> d;
  const size_t lanes = hn::Lanes(d);
  size_t equal = 0, i = 0;
  for (; i + lanes <= n; i += lanes)
    equal += hn::CountTrue(d, hn::Eq(hn::LoadU(d, a + i), hn::LoadU(d, b + i)));
  for (; i < n; ++i) equal += a[i] == b[i];
  return equal;
}

const char* TargetName() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace leam::corpus::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace leam::corpus {

HWY_EXPORT(SignAll);
HWY_EXPORT(CountEqual);
HWY_EXPORT(TargetName);

namespace {
constexpr size_t kBlock = 64;  // four vectors of the widest target
size_t padded(size_t places) {
  return (places + kBlock - 1) / kBlock * kBlock;
}
}  // namespace

MinHash::MinHash(MinHashShape shape)
    : shape_(shape), flip_(padded(shape.places())), factor_(padded(shape.places())) {
  const Stream stream(0, purpose("corpus.minhash"));
  for (size_t i = 0; i < flip_.size(); ++i) {
    flip_[i] = stream.bits32(2 * i);
    factor_[i] = stream.bits32(2 * i + 1) | 1;
  }
}

void MinHash::sign(std::span<const uint64_t> shingles, std::span<uint32_t> signature) const {
  bug_if(signature.size() != shape_.places(), "signature of the wrong size");
  thread_local std::vector<uint32_t> scratch;
  scratch.resize(flip_.size());
  HWY_DYNAMIC_DISPATCH(SignAll)
  (shingles.data(), shingles.size(), flip_.data(), factor_.data(), scratch.data(), scratch.size());
  std::copy_n(scratch.begin(), signature.size(), signature.begin());
}

uint64_t MinHash::band_key(std::span<const uint32_t> signature, size_t band) const {
  const auto rows = signature.subspan(band * shape_.rows, shape_.rows);
  return hash64({reinterpret_cast<const char*>(rows.data()), rows.size_bytes()}, band);
}

double similarity(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  bug_if(a.size() != b.size() || a.empty(), "signatures of different shapes");
  const size_t equal = HWY_DYNAMIC_DISPATCH(CountEqual)(a.data(), b.data(), a.size());
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

std::string minhash_target() {
  return HWY_DYNAMIC_DISPATCH(TargetName)();
}

}  // namespace leam::corpus
#endif  // HWY_ONCE
