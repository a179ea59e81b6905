#include "engine/tensor/cpu/pack.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/cpu/pack.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/cache_control.h>

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

using U32 = hn::ScalableTag<uint32_t>;

#if HWY_TARGET != HWY_SCALAR
// A vector of 128-bit blocks, block b read from p + b·step.
template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const uint32_t* p, int64_t step) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    return hn::LoadU(d, p);
  } else {
    const hn::Half<D> half;
    const auto lower = load_blocks(half, p, step);
    const auto upper = load_blocks(half, p + static_cast<int64_t>(hn::MaxLanes(half) / 4) * step, step);
    return hn::Combine(d, upper, lower);
  }
}

// to[c·to_ld + r] = from[r·from_ld + c] for r < lanes, c < 4.
HWY_INLINE void transpose_strip(const uint32_t* from, int64_t from_ld, uint32_t* to, int64_t to_ld) {
  const U32 d;
  const hn::RepartitionToWide<U32> d64;
  // Block b of row vector i holds row 4b + i; within blocks this is a 4×4 transpose.
  const auto r0 = load_blocks(d, from, 4 * from_ld);
  const auto r1 = load_blocks(d, from + from_ld, 4 * from_ld);
  const auto r2 = load_blocks(d, from + 2 * from_ld, 4 * from_ld);
  const auto r3 = load_blocks(d, from + 3 * from_ld, 4 * from_ld);
  const auto a = hn::BitCast(d64, hn::InterleaveLower(d, r0, r1));
  const auto b = hn::BitCast(d64, hn::InterleaveLower(d, r2, r3));
  const auto e = hn::BitCast(d64, hn::InterleaveUpper(d, r0, r1));
  const auto f = hn::BitCast(d64, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, a, b)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, a, b)), d, to + to_ld);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, e, f)), d, to + 2 * to_ld);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, e, f)), d, to + 3 * to_ld);
}
#endif

// 32-bit transpose: to (cols, to_ld) = from (rows, from_ld)ᵀ.
void transpose32(const uint32_t* from, int64_t from_ld, int64_t rows, int64_t cols, uint32_t* to,
                 int64_t to_ld) {
  int64_t r = 0;
#if HWY_TARGET != HWY_SCALAR
  const int64_t L = static_cast<int64_t>(hn::Lanes(U32()));
  for (; r + L <= rows; r += L) {
    int64_t c = 0;
    for (; c + 4 <= cols; c += 4) transpose_strip(from + r * from_ld + c, from_ld, to + c * to_ld + r, to_ld);
    for (; c < cols; ++c)
      for (int64_t i = r; i < r + L; ++i) to[c * to_ld + i] = from[i * from_ld + c];
  }
#endif
  for (; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) to[c * to_ld + r] = from[r * from_ld + c];
}

// out[j] = a[j] | b[j] << 16 for j < n.
HWY_INLINE void pair_rows(const uint16_t* a, const uint16_t* b, int64_t n, uint32_t* out) {
  const U32 d;
  const hn::Rebind<uint16_t, U32> d16;
  const int64_t L = static_cast<int64_t>(hn::Lanes(d));
  int64_t j = 0;
  for (; j + L <= n; j += L) {
    const auto low = hn::PromoteTo(d, hn::LoadU(d16, a + j));
    const auto high = hn::PromoteTo(d, hn::LoadU(d16, b + j));
    hn::StoreU(hn::Or(low, hn::ShiftLeft<16>(high)), d, out + j);
  }
  for (; j < n; ++j) out[j] = uint32_t{a[j]} | uint32_t{b[j]} << 16;
}

constexpr int64_t kStrip = 64;  // columns of a packed block
constexpr int64_t kAhead = 32;  // rows: strips of a wide matrix are too far apart for the machine to guess

// The next strip's two cache lines in two rows; asking beyond the matrix does no harm.
HWY_INLINE void ask_for(const uint16_t* row, int64_t ld) {
  hwy::Prefetch(row);
  hwy::Prefetch(row + kStrip / 2);
  hwy::Prefetch(row + ld);
  hwy::Prefetch(row + ld + kStrip / 2);
}

// One block of 16 rows of u32 by 64 columns: f32 elements, or pairs of bf16 along k.
void pack_f32(const float* b, int64_t ld, bool transposed, int64_t k, int64_t cols, uint32_t* out) {
  for (int64_t k0 = 0; k0 < k; k0 += 16, out += 16 * kStrip) {
    const int64_t deep = std::min<int64_t>(16, k - k0);
    if (deep < 16 || cols < kStrip) std::memset(out, 0, 16 * kStrip * 4);
    if (transposed) {
      transpose32(reinterpret_cast<const uint32_t*>(b + k0), ld, cols, deep, out, kStrip);
    } else {
      for (int64_t i = 0; i < deep; ++i)
        std::memcpy(out + i * kStrip, b + (k0 + i) * ld, static_cast<size_t>(cols) * 4);
    }
  }
}

void pack_bf16(const uint16_t* b, int64_t ld, bool transposed, int64_t k, int64_t cols, uint32_t* out) {
  HWY_ALIGN uint16_t zeros[kStrip] = {};
  HWY_ALIGN uint32_t pairs[kStrip * 16];
  for (int64_t k0 = 0; k0 < k; k0 += 32, out += 16 * kStrip) {
    const int64_t deep = std::min<int64_t>(32, k - k0);
    if (deep < 32 || cols < kStrip) std::memset(out, 0, 16 * kStrip * 4);
    if (!transposed) {
      for (int64_t i = 0; i < deep; i += 2) {
        const uint16_t* row = b + (k0 + i) * ld;
        ask_for(row + kAhead * ld, ld);
        pair_rows(row, i + 1 < deep ? row + ld : zeros, cols, out + i / 2 * kStrip);
      }
    } else if (deep == 32 && ld % 2 == 0 && reinterpret_cast<uintptr_t>(b) % 4 == 0) {
      transpose32(reinterpret_cast<const uint32_t*>(b + k0), ld / 2, cols, 16, out, kStrip);
    } else {
      std::memset(pairs, 0, sizeof pairs);
      for (int64_t j = 0; j < cols; ++j)
        std::memcpy(pairs + j * 16, b + j * ld + k0, static_cast<size_t>(deep) * 2);
      transpose32(pairs, 16, cols, 16, out, kStrip);
    }
  }
}

void transpose16(const uint16_t* a, int64_t ld, int64_t rows, int64_t cols, uint16_t* out,
                 int64_t rows_padded) {
  HWY_ALIGN uint32_t pairs[32 * kStrip];
  HWY_ALIGN uint16_t zeros[kStrip] = {};
  HWY_ALIGN uint32_t turned[kStrip * 32];
  for (int64_t c = 0; c < cols; c += kStrip) {
    const int64_t wide = std::min(kStrip, cols - c);
    for (int64_t r = 0; r < rows_padded; r += 64) {
      const int64_t deep = std::min<int64_t>(64, rows_padded - r);
      for (int64_t i = 0; i < deep; i += 2) {
        const uint16_t* row = a + (r + i) * ld + c;
        ask_for(row + kAhead * ld, ld);
        pair_rows(r + i < rows ? row : zeros, r + i + 1 < rows ? row + ld : zeros, wide,
                  pairs + i / 2 * kStrip);
      }
      if (rows_padded % 2 == 0 && reinterpret_cast<uintptr_t>(out) % 4 == 0) {
        auto* to = reinterpret_cast<uint32_t*>(out + c * rows_padded + r);
        transpose32(pairs, kStrip, deep / 2, wide, to, rows_padded / 2);
        continue;
      }
      transpose32(pairs, kStrip, (deep + 1) / 2, wide, turned, 32);
      for (int64_t j = 0; j < wide; ++j)
        std::memcpy(out + (c + j) * rows_padded + r, turned + j * 32, static_cast<size_t>(deep) * 2);
    }
  }
}

void widen(const BF16* from, float* to, size_t n) {
  const size_t L = lanes();
  size_t i = 0;
  for (; i + L <= n; i += L) store(load(from + i), to + i);
  if (i < n) store_some(load_some(from + i, n - i), to + i, n - i);
}
void narrow(const float* from, BF16* to, size_t n) {
  const size_t L = lanes();
  size_t i = 0;
  for (; i + L <= n; i += L) store(load(from + i), to + i);
  if (i < n) store_some(load_some(from + i, n - i), to + i, n - i);
}

void add_floats(const float* from, float* to, size_t n) {
  const size_t L = lanes();
  size_t i = 0;
  for (; i + L <= n; i += L) put(load(from + i), to + i, true);
  if (i < n) put_some(load_some(from + i, n - i), to + i, n - i, true);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace leam::tensor::cpu {

HWY_EXPORT(transpose32);
HWY_EXPORT(pack_f32);
HWY_EXPORT(pack_bf16);
HWY_EXPORT(transpose16);
HWY_EXPORT(widen);
HWY_EXPORT(narrow);
HWY_EXPORT(add_floats);

void pack_columns(PackLayout layout, const void* b, int64_t ld, bool transposed, int64_t k, int64_t n,
                  int64_t n0, int64_t n1, void* packed) {
  const int64_t unit = layout == PackLayout::kPairs ? 32 : 16;
  const int64_t strip_words = (k + unit - 1) / unit * 16 * 64;  // u32 words of one strip of 64 columns
  for (int64_t c = n0; c < n1; c += 64) {
    uint32_t* out = static_cast<uint32_t*>(packed) + c / 64 * strip_words;
    const int64_t at = transposed ? c * ld : c, cols = std::min<int64_t>(64, n - c);
    if (layout == PackLayout::kPairs) {
      HWY_DYNAMIC_DISPATCH(pack_bf16)(static_cast<const uint16_t*>(b) + at, ld, transposed, k, cols, out);
    } else {
      HWY_DYNAMIC_DISPATCH(pack_f32)(static_cast<const float*>(b) + at, ld, transposed, k, cols, out);
    }
  }
}

void transpose(const float* a, int64_t ld, int64_t rows, int64_t cols, float* out, int64_t rows_padded) {
  HWY_DYNAMIC_DISPATCH(transpose32)
  (reinterpret_cast<const uint32_t*>(a), ld, rows, cols, reinterpret_cast<uint32_t*>(out), rows_padded);
  if (rows == rows_padded) return;
  for (int64_t c = 0; c < cols; ++c)
    std::fill(out + c * rows_padded + rows, out + (c + 1) * rows_padded, 0.0f);
}

void transpose(const BF16* a, int64_t ld, int64_t rows, int64_t cols, BF16* out, int64_t rows_padded) {
  HWY_DYNAMIC_DISPATCH(transpose16)
  (reinterpret_cast<const uint16_t*>(a), ld, rows, cols, reinterpret_cast<uint16_t*>(out), rows_padded);
}

void convert(const BF16* from, float* to, size_t n) {
  HWY_DYNAMIC_DISPATCH(widen)(from, to, n);
}
void convert(const float* from, BF16* to, size_t n) {
  HWY_DYNAMIC_DISPATCH(narrow)(from, to, n);
}

void add_range(const float* from, float* to, size_t n) {
  HWY_DYNAMIC_DISPATCH(add_floats)(from, to, n);
}

}  // namespace leam::tensor::cpu
#endif
