// Rearranging matrices for products: the packed layouts of a right factor, and transposes of tiles.
#pragma once

#include "engine/tensor/cpu/products.h"

namespace leam::tensor::cpu {

// Packs columns [n0, n1) of B into their place in `packed` (kBlocks or kPairs; n0 a multiple of 64).
// B (k,n) has element (i,j) at b[i·ld + j], or at b[j·ld + i] when `transposed`. Elements are f32 for
// kBlocks and bf16 for kPairs.
void pack_columns(PackLayout layout, const void* b, int64_t ld, bool transposed, int64_t k, int64_t n,
                  int64_t n0, int64_t n1, void* packed);

// out (cols, rows_padded) = a (rows, cols)ᵀ with zeros behind `rows`; a's rows lie `ld` elements apart.
void transpose(const float* a, int64_t ld, int64_t rows, int64_t cols, float* out, int64_t rows_padded);
void transpose(const BF16* a, int64_t ld, int64_t rows, int64_t cols, BF16* out, int64_t rows_padded);

void convert(const BF16* from, float* to, size_t n);
void convert(const float* from, BF16* to, size_t n);

// to += from
void add_range(const float* from, float* to, size_t n);

}  // namespace leam::tensor::cpu
