#include "engine/tensor/cpu/gemm.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "engine/tensor/cpu/pack.h"
#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

// A transposed tile is the tile turned, zeros behind it, for every remainder of the vector loops.
TEST(Pack, Transposes) {
  Memory memory;
  for (DType type : kFloats)
    for (const auto& [rows, cols, padded] : {std::array<int64_t, 3>{1, 1, 1},
                                             {3, 5, 7},
                                             {64, 64, 64},
                                             {100, 65, 128},
                                             {511, 70, 511},
                                             {37, 130, 64}}) {
      const int64_t ld = cols + 3;
      const Tensor a = random_tensor(memory, {rows, ld}, type, 1),
                   out = Tensor::zeros(memory, {cols, padded}, type);
      if (type == DType::kF32) {
        std::fill_n(out.data<float>(), out.numel(), 7.0f);
        cpu::transpose(a.data<float>(), ld, rows, cols, out.data<float>(), padded);
      } else {
        cpu::transpose(a.data<BF16>(), ld, rows, cols, out.data<BF16>(), padded);
      }
      const auto from = values_of(a), to = values_of(out);
      for (int64_t c = 0; c < cols; ++c)
        for (int64_t r = 0; r < padded; ++r)
          ASSERT_EQ(to[static_cast<size_t>(c * padded + r)],
                    r < rows ? from[static_cast<size_t>(r * ld + c)] : 0.0f)
              << rows << " " << cols << " " << padded << " at " << r << " " << c;
    }
}

// Our own packing writes what the library's reorder writes.
TEST(Pack, AgreesWithTheLibrary) {
  Bench bench;
  const cpu::Products& products = bench.dispatch.products();
  for (DType type : kFloats) {
    if (type == DType::kBF16 && !products.has_bf16()) continue;
    for (const auto& [k, n] :
         {std::pair<int64_t, int64_t>{1, 1}, {7, 5}, {64, 64}, {77, 100}, {384, 512}, {96, 130}})
      for (bool transposed : {false, true}) {
        const cpu::PackLayout layout = products.layout(k, n, type);
        if (layout != cpu::PackLayout::kBlocks && layout != cpu::PackLayout::kPairs) continue;
        const int64_t ld = (transposed ? k : n) + 2;
        const Tensor b = random_tensor(bench.memory, {transposed ? n : k, ld}, type, 1);
        const size_t bytes = products.packed_bytes(k, n, type);
        const auto ours = bench.memory.allocate(bytes), theirs = bench.memory.allocate(bytes);
        std::fill_n(ours.get(), bytes, std::byte{1});
        cpu::pack_columns(layout, b.raw(), ld, transposed, k, n, 0, n, ours.get());
        products.reorder(b.raw(), ld, transposed, k, n, type, theirs.get());
        EXPECT_TRUE(std::equal(ours.get(), ours.get() + bytes, theirs.get()))
            << to_string(type) << " k " << k << " n " << n << " transposed " << transposed;
      }
  }
}

TEST(Pack, RoundsLikeTheTensor) {
  Memory memory;
  const Tensor x = random_tensor(memory, {1003}, DType::kF32, 4, 1e3f);
  x.data<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  x.data<float>()[6] = std::bit_cast<float>(0x7fffffffu);
  x.data<float>()[7] = std::numeric_limits<float>::infinity();
  const Tensor b = Tensor::empty(memory, {1003}, DType::kBF16),
               back = Tensor::empty(memory, {1003}, DType::kF32);
  cpu::convert(x.data<float>(), b.data<BF16>(), 1003);
  cpu::convert(b.data<BF16>(), back.data<float>(), 1003);
  for (int64_t i = 0; i < 1003; ++i) {
    const BF16 want = to_bf16(x.data<float>()[i]);
    EXPECT_EQ(b.data<BF16>()[i].bits, want.bits) << i;
    EXPECT_EQ(std::bit_cast<uint32_t>(back.data<float>()[i]), std::bit_cast<uint32_t>(to_float(want))) << i;
  }
}

}  // namespace leam::tensor::test
