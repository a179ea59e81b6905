// Finding the next interesting byte, a vector at a time (Highway, the instruction set every machine has).
#pragma once

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

namespace leam::crawl::html {

namespace hn = hwy::HWY_NAMESPACE;

// The first byte in [at, end) that is one of the four (repeat one for fewer), or end.
HWY_INLINE const char* find_any(const char* at, const char* end, char a, char b, char c, char d) {
  const hn::CappedTag<uint8_t, 16> tag;
  constexpr ptrdiff_t kLanes = hn::MaxLanes(hn::CappedTag<uint8_t, 16>());
  const auto va = hn::Set(tag, static_cast<uint8_t>(a)), vb = hn::Set(tag, static_cast<uint8_t>(b));
  const auto vc = hn::Set(tag, static_cast<uint8_t>(c)), vd = hn::Set(tag, static_cast<uint8_t>(d));
  while (end - at >= kLanes) {
    const auto v = hn::LoadU(tag, reinterpret_cast<const uint8_t*>(at));
    const auto hit = hn::Or(hn::Or(hn::Eq(v, va), hn::Eq(v, vb)), hn::Or(hn::Eq(v, vc), hn::Eq(v, vd)));
    const intptr_t first = hn::FindFirstTrue(tag, hit);
    if (first >= 0) return at + first;
    at += kLanes;
  }
  while (at < end && *at != a && *at != b && *at != c && *at != d) ++at;
  return at;
}

}  // namespace leam::crawl::html
