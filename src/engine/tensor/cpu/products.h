// Matrix products on one thread, C (m,n) [+]= A (m,k) · B (k,n), by oneDNN. A and C are dense and
// row-major; B is packed once into the layout the product wants and then used for many A. Parallel work
// is cut by the callers into tiles that depend on shapes only, so no result depends on threads.
//
// Only onednn.cc knows oneDNN, in its 2.x and 3.x form.
#pragma once

#include <memory>
#include <string>

#include "engine/tensor/tensor.h"

namespace leam::tensor::cpu {

struct ProductShape {
  int64_t m = 0, n = 0, k = 0;
  DType in = DType::kF32;   // of A and B: f32 or bf16
  DType out = DType::kF32;  // of C; sums are f32 inside
  bool accumulate = false;  // C += instead of C =
  auto operator<=>(const ProductShape&) const = default;
};

// How a packed B of this (k,n) lies in memory.
enum class PackLayout : uint8_t {
  kRows,     // as it is: row-major (k,n)
  kBlocks,   // f32: [n/64][k/16][16][64], padded with zeros
  kPairs,    // bf16: [n/64][k/32][16][64][2], padded with zeros
  kForeign,  // something else, reached through oneDNN's own reorder
};

class Product;

class Products {
 public:
  Products();
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  // Whether this machine multiplies bf16 in hardware. Without, bf16 tensors are multiplied as f32.
  bool has_bf16() const;
  // "oneDNN 2.6.3" and the implementation it chose, such as "brg:avx512_core_amx_bf16".
  std::string library() const;
  std::string implementation(DType in) const;

  // The height of the tile that products are cut into by rows.
  static constexpr int64_t kTile = 64;

  PackLayout layout(int64_t k, int64_t n, DType in) const;
  size_t packed_bytes(int64_t k, int64_t n, DType in) const;
  // For kForeign only: B with element (i,j) at b[i·ld + j], or at b[j·ld + i] when `transposed`.
  void reorder(const void* b, int64_t ld, bool transposed, int64_t k, int64_t n, DType in,
               void* packed) const;

  // The product of this shape, made at first use and kept. Thread-safe.
  const Product& get(const ProductShape& shape) const;
  // The smallest height m ≥ rows, m ≤ kTile, whose product gives every row the very bits that the one
  // of height kTile gives. This is measured once for each shape, because a library may compute few rows
  // by another order of sums. `shape.m` is not looked at.
  int64_t height(ProductShape shape, int64_t rows) const;
  // Whether the product of all `shape.n` columns at once gives the bits of products of panels of columns
  // (for layouts in which panels follow each other). Measured once for each shape.
  bool wide_as_panels(const ProductShape& shape, int64_t panel) const;

 private:
  friend class ProductCall;
  struct State;
  std::unique_ptr<State> state_;
};

// A product bound to memory for its inner scratch; one thread uses it, for many operands in a row.
class ProductCall {
 public:
  ProductCall(const Products& products, Memory& memory, const ProductShape& shape);
  ~ProductCall();
  ProductCall(ProductCall&&) noexcept;
  ProductCall& operator=(ProductCall&&) noexcept;
  void operator()(const void* a, const void* packed_b, void* c);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Seconds of one product as anyone would ask oneDNN for it: plain strided matrices, all at once, on
// `threads` of the library's own threads. The measure that our own products are held against.
double plain_product_seconds(const ProductShape& shape, bool a_transposed, bool b_transposed, int threads,
                             double for_seconds);

}  // namespace leam::tensor::cpu
