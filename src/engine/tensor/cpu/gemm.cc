#include "engine/tensor/cpu/gemm.h"

#include <algorithm>
#include <cstring>

#include "engine/tensor/cpu/pack.h"
#include "engine/tensor/dispatch.h"

namespace leam::tensor::cpu {
namespace {

constexpr int64_t kTile = Products::kTile;

size_t bytes_of(int64_t n, DType type) {
  return static_cast<size_t>(n) * size_of(type);
}

const std::byte* at(const void* data, int64_t n, DType type) {
  return static_cast<const std::byte*>(data) + bytes_of(n, type);
}
std::byte* at(void* data, int64_t n, DType type) {
  return static_cast<std::byte*>(data) + bytes_of(n, type);
}

// An f32 copy of a bf16 matrix, dense.
std::shared_ptr<std::byte[]> widened_copy(const Exec& exec, const Matrix& m) {
  auto copy = exec.memory.allocate(bytes_of(m.rows * m.cols, DType::kF32));
  auto* out = reinterpret_cast<float*>(copy.get());
  exec.pool.run_range(static_cast<size_t>(m.rows), 64, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const auto row = static_cast<int64_t>(i);
      convert(static_cast<const BF16*>(m.data) + row * m.ld, out + row * m.cols, static_cast<size_t>(m.cols));
    }
  });
  return copy;
}

// One panel in whatever layout its products want, on this thread.
void pack_panel(const Products& products, const void* b, int64_t ld, bool transposed, int64_t k, int64_t n,
                DType in, std::byte* to) {
  const PackLayout how = products.layout(k, n, in);
  if (how == PackLayout::kBlocks || how == PackLayout::kPairs) {
    pack_columns(how, b, ld, transposed, k, n, 0, n, to);
  } else if (how == PackLayout::kRows && !transposed) {
    for (int64_t row = 0; row < k; ++row)
      std::memcpy(at(to, row * n, in), at(b, row * ld, in), bytes_of(n, in));
  } else if (how == PackLayout::kRows && in == DType::kF32) {
    transpose(static_cast<const float*>(b), ld, n, k, reinterpret_cast<float*>(to), n);
  } else {
    products.reorder(b, ld, transposed, k, n, in, to);
  }
}

// A matrix in the type that products compute in: itself, or an f32 copy.
struct Widened {
  Widened(const Exec& exec, const Matrix& m) : matrix(m) {
    if (inner_type(exec, m.dtype) == m.dtype) return;
    copy = widened_copy(exec, m);
    matrix = {copy.get(), DType::kF32, m.rows, m.cols, m.cols};
  }
  Matrix matrix;
  std::shared_ptr<std::byte[]> copy;
};

}  // namespace

void pack_dense(const Products& products, const void* b, bool transposed, int64_t k, int64_t n, DType in,
                void* packed) {
  pack_panel(products, b, transposed ? k : n, transposed, k, n, in, static_cast<std::byte*>(packed));
}

DType inner_type(const Exec& exec, DType type) {
  return type == DType::kBF16 && !exec.dispatch.products().has_bf16() ? DType::kF32 : type;
}

Matrix matrix_of(const Tensor& t) {
  return {t.raw(), t.dtype(), t.shape()[0], t.shape()[1], t.shape()[1]};
}

RightFactor RightFactor::plan(const Products& products, int64_t k, int64_t n, DType in) {
  RightFactor r;
  r.k_ = k;
  r.n_ = n;
  r.in_ = in;
  const int64_t full = std::min(kPanel, n), last = r.panel_width(r.panels() - 1);
  r.layout_ = products.layout(k, full, in);
  const bool blocked = r.layout_ == PackLayout::kBlocks || r.layout_ == PackLayout::kPairs;
  // Panels of a blocked layout follow each other just as all columns at once would lie.
  r.whole_ = blocked && products.layout(k, last, in) == r.layout_ && products.layout(k, n, in) == r.layout_;
  r.panel_bytes_ = (products.packed_bytes(k, full, in) + 63) / 64 * 64;
  r.bytes_ = r.panel_bytes_ * static_cast<size_t>(r.panels() - 1) +
             (products.packed_bytes(k, last, in) + 63) / 64 * 64;
  return r;
}

void RightFactor::fill(const Products& products, const Matrix& b, bool transposed, int64_t part) {
  if (whole_) {
    const int64_t n0 = part * kPart;
    pack_columns(layout_, b.data, b.ld, transposed, k_, n_, n0, std::min(n_, n0 + kPart), data_.get());
    return;
  }
  const int64_t n0 = part * kPanel;
  const void* from = at(b.data, transposed ? n0 * b.ld : n0, in_);
  pack_panel(products, from, b.ld, transposed, k_, panel_width(part), in_,
             data_.get() + static_cast<size_t>(part) * panel_bytes_);
}

RightFactor RightFactor::pack(const Exec& exec, const Matrix& source, bool transposed) {
  const Products& products = exec.dispatch.products();
  const Widened b(exec, source);
  RightFactor r = plan(products, transposed ? b.matrix.cols : b.matrix.rows,
                       transposed ? b.matrix.rows : b.matrix.cols, b.matrix.dtype);
  r.data_ = exec.memory.allocate(r.bytes_);
  exec.pool.run(static_cast<size_t>(r.parts()),
                [&](size_t part) { r.fill(products, b.matrix, transposed, static_cast<int64_t>(part)); });
  return r;
}

// All chunks lie in one block of memory, for the sake of its large pages.
std::vector<RightFactor> RightFactor::pack_chunks(const Exec& exec, const Matrix& source) {
  const Products& products = exec.dispatch.products();
  const Widened x(exec, source);
  const Matrix& m = x.matrix;
  std::vector<RightFactor> chunks;
  size_t bytes = 0;
  for (int64_t n = 0; n < m.rows; n += kChunk) {
    chunks.push_back(plan(products, std::min(kChunk, m.rows - n), m.cols, m.dtype));
    bytes += chunks.back().bytes_;
  }
  const auto block = exec.memory.allocate(bytes);
  size_t offset = 0;
  for (RightFactor& r : chunks) {
    r.data_ = std::shared_ptr<std::byte[]>(block, block.get() + offset);
    offset += r.bytes_;
  }
  const auto parts = static_cast<size_t>(chunks.empty() ? 0 : chunks.front().parts());
  exec.pool.run(chunks.size() * parts, [&](size_t task) {
    const int64_t n = static_cast<int64_t>(task / parts) * kChunk, rows = std::min(kChunk, m.rows - n);
    chunks[task / parts].fill(products, {at(m.data, n * m.ld, m.dtype), m.dtype, rows, m.cols, m.ld}, false,
                              static_cast<int64_t>(task % parts));
  });
  return chunks;
}

const void* RightFactor::panel(int64_t panel) const {
  return data_.get() + static_cast<size_t>(panel) * panel_bytes_;
}

RowProduct::RowProduct(const Exec& exec, const RightFactor& b, DType a_type, DType c_type, bool accumulate)
    : exec_(&exec), b_(&b), a_type_(a_type), c_type_(c_type), accumulate_(accumulate) {
  whole_ = b.panels() == 1 || (b.whole() != nullptr &&
                               exec.dispatch.products().wide_as_panels(
                                   {kTile, b.n(), b.k(), b.in(), DType::kF32, false}, RightFactor::kPanel));
}

ProductCall& RowProduct::call(int64_t m, int64_t n, DType out, bool accumulate) {
  const ProductShape shape{m, n, b_->k(), b_->in(), out, accumulate};
  for (auto& [s, c] : calls_)
    if (s == shape) return c;
  calls_.emplace_back(shape, ProductCall(exec_->dispatch.products(), exec_->memory, shape));
  return calls_.back().second;
}

const void* RowProduct::widened(const void* a, int64_t rows) {
  if (a_type_ == b_->in()) return a;
  if (wide_ == nullptr) wide_ = exec_->memory.allocate(bytes_of(kTile * b_->k(), DType::kF32));
  convert(static_cast<const BF16*>(a), reinterpret_cast<float*>(wide_.get()),
          static_cast<size_t>(rows * b_->k()));
  return wide_.get();
}

void RowProduct::run(const void* a, int64_t rows, const void* b, int64_t n, void* c, int64_t ldc) {
  const Products& products = exec_->dispatch.products();
  const DType in = b_->in();
  const bool narrow = c_type_ == DType::kBF16 && in == DType::kF32;  // the inner result is f32
  const DType out = narrow ? DType::kF32 : c_type_;
  const bool direct = ldc == n && !narrow;
  const int64_t m = products.height({kTile, n, b_->k(), in, out, direct && accumulate_}, rows);
  if (rows < m) {
    if (pad_ == nullptr) pad_ = exec_->memory.allocate(bytes_of(kTile * b_->k(), in));
    std::memcpy(pad_.get(), a, bytes_of(rows * b_->k(), in));
    std::memset(at(pad_.get(), rows * b_->k(), in), 0, bytes_of((m - rows) * b_->k(), in));
    a = pad_.get();
  }
  if (direct && rows == m) {
    call(m, n, out, accumulate_)(a, b, c);
    return;
  }
  if (result_ == nullptr)
    result_ = exec_->memory.allocate(bytes_of(kTile * (whole_ ? b_->n() : n), DType::kF32));
  // What is there goes in first, so that the sum is rounded once and by the same hands as in `direct`.
  const bool sum = accumulate_ && !narrow;
  if (sum) {
    for (int64_t i = 0; i < rows; ++i)
      std::memcpy(at(result_.get(), i * n, out), at(c, i * ldc, out), bytes_of(n, out));
    std::memset(at(result_.get(), rows * n, out), 0, bytes_of((m - rows) * n, out));
  }
  call(m, n, out, sum)(a, b, result_.get());
  for (int64_t i = 0; i < rows; ++i) {
    if (!narrow) {
      std::memcpy(at(c, i * ldc, out), at(result_.get(), i * n, out), bytes_of(n, out));
      continue;
    }
    auto* from = reinterpret_cast<float*>(result_.get()) + i * n;
    auto* to = static_cast<BF16*>(c) + i * ldc;
    if (accumulate_)
      for (int64_t j = 0; j < n; ++j) from[j] += to_float(to[j]);
    convert(from, to, static_cast<size_t>(n));
  }
}

void RowProduct::panel(const void* a, int64_t rows, int64_t panel, void* c, int64_t ldc) {
  run(widened(a, rows), rows, b_->panel(panel), b_->panel_width(panel), c, ldc);
}

void RowProduct::all(const void* a, int64_t rows, void* c, int64_t ldc) {
  const void* wide = widened(a, rows);
  if (whole_) {
    run(wide, rows, b_->panel(0), b_->n(), c, ldc);
    return;
  }
  for (int64_t p = 0; p < b_->panels(); ++p)
    run(wide, rows, b_->panel(p), b_->panel_width(p), at(c, p * RightFactor::kPanel, c_type_), ldc);
}

void multiply(const Exec& exec, const void* a, DType a_type, int64_t rows, const RightFactor& b, void* c,
              DType c_type, bool accumulate) {
  const int64_t tiles = (rows + kTile - 1) / kTile;
  // Few rows leave too few tiles for the threads: then the panels of columns are tasks too.
  const int64_t cut = tiles >= 8 ? 1 : b.panels();
  exec.pool.run(static_cast<size_t>(tiles * cut), [&](size_t task) {
    const auto i = static_cast<int64_t>(task);
    const int64_t row = i / cut * kTile, count = std::min(kTile, rows - row);
    RowProduct product(exec, b, a_type, c_type, accumulate);
    const void* from = at(a, row * b.k(), a_type);
    if (cut == 1) {
      product.all(from, count, at(c, row * b.n(), c_type), b.n());
    } else {
      product.panel(from, count, i % cut, at(c, row * b.n() + i % cut * RightFactor::kPanel, c_type), b.n());
    }
  });
}

void multiply_transposed_part(const Exec& exec, const Matrix& dy, int64_t o, int64_t width,
                              const std::vector<RightFactor>& x, size_t begin, size_t end, float* out,
                              bool accumulate) {
  const DType in = dy.dtype;
  const auto turned = exec.memory.allocate(bytes_of(kTile * kChunk, in));
  // Chunks of one height share their product; the first may overwrite, the last may be shorter.
  std::optional<RowProduct> product;
  for (size_t c = begin; c < end; ++c) {
    const RightFactor& b = x[c];
    if (c < begin + 2 || b.k() != kChunk) product.emplace(exec, b, in, DType::kF32, accumulate || c > begin);
    product->use(b);
    for (int64_t i = 0; i < width; i += kTile) {
      const int64_t columns = std::min(kTile, width - i);
      const void* from = at(dy.data, static_cast<int64_t>(c) * kChunk * dy.ld + o + i, in);
      if (in == DType::kBF16) {
        transpose(static_cast<const BF16*>(from), dy.ld, b.k(), columns,
                  reinterpret_cast<BF16*>(turned.get()), b.k());
      } else {
        transpose(static_cast<const float*>(from), dy.ld, b.k(), columns,
                  reinterpret_cast<float*>(turned.get()), b.k());
      }
      product->all(turned.get(), columns, out + i * b.n(), b.n());
    }
  }
}

void multiply_transposed(const Exec& exec, const Matrix& dy_in, const Matrix& x, float* dw) {
  const Widened wide(exec, dy_in);
  const Matrix& dy = wide.matrix;
  const std::vector<RightFactor> chunks = RightFactor::pack_chunks(exec, x);
  const int64_t O = dy.cols, I = x.cols;
  const int64_t columns = (O + kPartWidth - 1) / kPartWidth;
  const int64_t width = ((O + columns - 1) / columns + kTile - 1) / kTile * kTile;
  const auto parts = static_cast<size_t>((O + width - 1) / width);
  // Small products have few columns to share out: then the rows are cut too, and the parts added after.
  // That costs passes over the parts, so only up to what gives a fair number of tasks.
  constexpr size_t kTasks = 8, kLeast = 2;  // least chunks in a group
  const size_t wanted = std::min((kTasks + parts - 1) / parts, std::max<size_t>(chunks.size() / kLeast, 1));
  const size_t group_chunks = (chunks.size() + wanted - 1) / wanted;
  const size_t groups = group_chunks == 0 ? 1 : (chunks.size() + group_chunks - 1) / group_chunks;
  std::shared_ptr<std::byte[]> sums;
  if (groups > 1) sums = exec.memory.allocate(groups * bytes_of(O * I, DType::kF32));
  exec.pool.run(groups * parts, [&](size_t task) {
    const size_t group = task / parts, begin = group * group_chunks;
    const int64_t o = static_cast<int64_t>(task % parts) * width;
    float* out = groups > 1 ? reinterpret_cast<float*>(sums.get()) + static_cast<int64_t>(group) * O * I : dw;
    multiply_transposed_part(exec, dy, o, std::min(width, O - o), chunks, begin,
                             std::min(begin + group_chunks, chunks.size()), out + o * I, groups == 1);
  });
  if (groups == 1) return;
  exec.pool.run_range(static_cast<size_t>(O * I), size_t{1} << 14, [&](size_t begin, size_t end) {
    for (size_t g = 0; g < groups; ++g)
      add_range(reinterpret_cast<const float*>(sums.get()) + g * static_cast<size_t>(O * I) + begin,
                dw + begin, end - begin);
  });
}

}  // namespace leam::tensor::cpu
