// Products of whole matrices out of single-threaded tiles. The cut depends on shapes only, and a row's
// bits depend on that row and on B alone: not on the number of rows, nor on the row's place among them.
//
// The bits are defined by one product: kTile rows (short ones padded with zeros) times one panel of at
// most kPanel columns of B. Other cuts (fewer rows, all columns at once) are used where Products has
// found that they give the same bits.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/tensor/cpu/products.h"
#include "engine/tensor/tape.h"

namespace leam::tensor::cpu {

// A matrix in memory: element (i,j) at data[i·ld + j].
struct Matrix {
  const void* data = nullptr;
  DType dtype = DType::kF32;
  int64_t rows = 0, cols = 0, ld = 0;
};
Matrix matrix_of(const Tensor& t);

inline constexpr int64_t kChunk = 512;

// B (k,n) packed for products, or Bᵀ of a matrix (n,k). Immutable; shared by all threads.
class RightFactor {
 public:
  static constexpr int64_t kPanel = 512;

  // In parallel over columns. bf16 becomes f32 where the machine has no bf16 products.
  static RightFactor pack(const Exec& exec, const Matrix& b, bool transposed);
  // x cut into chunks of kChunk rows, each a factor (rows, cols).
  static std::vector<RightFactor> pack_chunks(const Exec& exec, const Matrix& x);

  int64_t k() const { return k_; }
  int64_t n() const { return n_; }
  DType in() const { return in_; }
  int64_t panels() const { return (n_ + kPanel - 1) / kPanel; }
  int64_t panel_width(int64_t panel) const { return std::min(kPanel, n_ - panel * kPanel); }
  const void* panel(int64_t panel) const;
  // All columns as one factor; null when the panels do not lie so.
  const void* whole() const { return whole_ ? data_.get() : nullptr; }

 private:
  static constexpr int64_t kPart = 64;  // columns of one part of a blocked layout
  static RightFactor plan(const Products& products, int64_t k, int64_t n, DType in);
  int64_t parts() const { return whole_ ? (n_ + kPart - 1) / kPart : panels(); }
  void fill(const Products& products, const Matrix& b, bool transposed, int64_t part);

  int64_t k_ = 0, n_ = 0;
  DType in_ = DType::kF32;
  PackLayout layout_ = PackLayout::kRows;
  bool whole_ = false;
  size_t panel_bytes_ = 0, bytes_ = 0;
  std::shared_ptr<std::byte[]> data_;
};

// Up to kTile rows at a time of C = A · B or C += A · B, for one thread. A is (rows, k) and C's rows lie
// ldc apart. Types are those of the tensors; the inner ones are the machine's.
class RowProduct {
 public:
  RowProduct(const Exec& exec, const RightFactor& b, DType a_type, DType c_type, bool accumulate);
  // Goes on with another factor of the same shape.
  void use(const RightFactor& b) { b_ = &b; }
  // One panel of columns; c points at the panel's first column.
  void panel(const void* a, int64_t rows, int64_t panel, void* c, int64_t ldc);
  // All columns.
  void all(const void* a, int64_t rows, void* c, int64_t ldc);

 private:
  void run(const void* a, int64_t rows, const void* b, int64_t n, void* c, int64_t ldc);
  ProductCall& call(int64_t m, int64_t n, DType out, bool accumulate);
  const void* widened(const void* a, int64_t rows);

  const Exec* exec_;
  const RightFactor* b_;
  DType a_type_, c_type_;
  bool accumulate_, whole_;
  std::vector<std::pair<ProductShape, ProductCall>> calls_;
  std::shared_ptr<std::byte[]> wide_, pad_, result_;
};

// C (rows, n) [+]= A (rows, k) · B, in parallel.
void multiply(const Exec& exec, const void* a, DType a_type, int64_t rows, const RightFactor& b, void* c,
              DType c_type, bool accumulate);

// dw (O, I) f32 += dyᵀ · x for dy (N, O) and x (N, I), in parallel over parts of O and of N. Sums run
// over rows in ascending order within a part, and over the parts of N in ascending order.
void multiply_transposed(const Exec& exec, const Matrix& dy, const Matrix& x, float* dw);

// Its parts, for callers that hold dy in pieces and x as pack_chunks() gives it.
// out[i] (+)= Σ_n dy[n, o + i] · x[n] for i < width, n over the rows of chunks [begin, end), on this thread.
// All of `width` rows of out are best to fit in the second cache beside one chunk.
void multiply_transposed_part(const Exec& exec, const Matrix& dy, int64_t o, int64_t width,
                              const std::vector<RightFactor>& x, size_t begin, size_t end, float* out,
                              bool accumulate);
inline constexpr int64_t kPartWidth = 256;

// Packs a dense right factor (k,n) of type `in`, or the transpose of a dense (n,k), on this thread.
void pack_dense(const Products& products, const void* b, bool transposed, int64_t k, int64_t n, DType in,
                void* packed);

// The type that products of tensors of this type are computed in.
DType inner_type(const Exec& exec, DType type);

}  // namespace leam::tensor::cpu
