// Attention in tiles of kQueries by kKeys with the online softmax. Keys are counted from the start of the
// row's own document, and a tile of queries never crosses a multiple of kQueries. So a row
// meets the same blocks of keys in the same order in training, in prefill and in decoding, which is what
// makes its bits the same; short tiles are padded with zeros.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/tensor/cpu/gemm.h"
#include "engine/tensor/cpu/pack.h"
#include "engine/tensor/ops/attention/attention_kernels.h"
#include "engine/tensor/ops/attention/attention_rows.h"

namespace leam::tensor {
namespace {

using cpu::kKeys;
using cpu::kQueries;
using cpu::ProductCall;
using cpu::Products;
using cpu::ProductShape;
static_assert(kQueries == Products::kTile && kKeys % kQueries == 0);

size_t aligned(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// A head's rows in one document: row r at data + r·ld elements.
struct Rows {
  std::byte* data;
  int64_t ld;
  DType type;
  std::byte* at(int64_t row) const {
    return data + static_cast<std::ptrdiff_t>(row * ld) * static_cast<std::ptrdiff_t>(size_of(type));
  }
};
Rows rows_of(const Tensor& t, int64_t row, int64_t channel) {
  const int64_t ld = t.shape()[1];
  const Rows all{static_cast<std::byte*>(t.raw()), ld, t.dtype()};
  return {all.at(row) + static_cast<size_t>(channel) * size_of(t.dtype()), ld, t.dtype()};
}

// One task's products and scratch memory.
class Worker {
 public:
  Worker(const Exec& exec, const AttentionShape& shape, DType type)
      : exec_(exec), D_(shape.head_dim), type_(type), inner_(cpu::inner_type(exec, type)) {}

  const Exec& exec() const { return exec_; }
  DType inner() const { return inner_; }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(D_)); }
  const Products& products() const { return exec_.dispatch.products(); }

  template <class T>
  T* scratch(int64_t n, size_t size = sizeof(T)) {
    held_.push_back(exec_.memory.allocate(static_cast<size_t>(n) * size));
    return reinterpret_cast<T*>(held_.back().get());
  }
  // Room for kKeys rows of D or of kQueries elements, and for kQueries rows of kKeys.
  std::byte* tile() { return scratch<std::byte>(kKeys * std::max(kQueries, D_), size_of(inner_)); }

  // scores (kQueries, kKeys) = a (kQueries, D) · packed (D, kKeys), the first `rows` rows at least.
  void by_width(const void* a, int64_t rows, const void* packed, float* out) {
    call({0, kKeys, D_, inner_, DType::kF32, false}, rows)(a, packed, out);
  }
  // out (kQueries, D) += p (kQueries, kKeys) · packed (kKeys, D)
  void by_keys(const void* p, int64_t rows, const void* packed, float* out) {
    call({0, D_, kKeys, inner_, DType::kF32, true}, rows)(p, packed, out);
  }
  // out (kKeys, D) += pᵀ (kKeys, kQueries) · packed (kQueries, D)
  void by_queries(const void* p_turned, const void* packed, float* out) {
    exactly({kKeys, D_, kQueries, inner_, DType::kF32, true})(p_turned, packed, out);
  }

  // A dense tile (rows, D) packed as right factor: as it is, or transposed.
  size_t packed_bytes(int64_t rows, bool transposed) const {
    return aligned(products().packed_bytes(transposed ? D_ : rows, transposed ? rows : D_, inner_));
  }
  void pack(const void* tile, int64_t rows, bool transposed, std::byte* packed) const {
    cpu::pack_dense(products(), tile, transposed, transposed ? D_ : rows, transposed ? rows : D_, inner_,
                    packed);
  }
  void gather(const Rows& from, int64_t row, int64_t rows, int64_t height, void* tile) const {
    cpu::gather_rows(from.at(row), from.ld, type_, rows, height, D_, tile, inner_);
  }
  // (kQueries, kKeys) → (kKeys, kQueries)
  void turn(const void* tile, void* out) const {
    if (inner_ == DType::kBF16) {
      cpu::transpose(static_cast<const BF16*>(tile), kKeys, kQueries, kKeys, static_cast<BF16*>(out),
                     kQueries);
    } else {
      cpu::transpose(static_cast<const float*>(tile), kKeys, kQueries, kKeys, static_cast<float*>(out),
                     kQueries);
    }
  }

 private:
  ProductCall& call(ProductShape shape, int64_t rows) {
    shape.m = rows == kQueries ? kQueries : products().height(shape, rows);
    return exactly(shape);
  }
  ProductCall& exactly(const ProductShape& shape) {
    for (auto& [s, c] : calls_)
      if (s == shape) return c;
    calls_.emplace_back(shape, ProductCall(products(), exec_.memory, shape));
    return calls_.back().second;
  }

  const Exec& exec_;
  int64_t D_;
  DType type_, inner_;
  std::vector<std::shared_ptr<std::byte[]>> held_;
  std::vector<std::pair<ProductShape, ProductCall>> calls_;
};

// Keys or values of the first `rows` rows of a document, packed block by block.
class Blocks {
 public:
  Blocks(Worker& w, const Rows& rows, int64_t count, bool transposed, std::byte* tile)
      : bytes_(w.packed_bytes(kKeys, transposed)) {
    const int64_t blocks = (count + kKeys - 1) / kKeys;
    data_ = w.scratch<std::byte>(blocks, bytes_);
    for (int64_t j = 0; j < blocks; ++j) {
      w.gather(rows, j * kKeys, std::min(kKeys, count - j * kKeys), kKeys, tile);
      w.pack(tile, kKeys, transposed, data_ + static_cast<size_t>(j) * bytes_);
    }
  }
  const std::byte* operator[](int64_t block) const { return data_ + static_cast<size_t>(block) * bytes_; }

 private:
  size_t bytes_;
  std::byte* data_;
};

// Rows of one head that attend to packed keys and values, a tile at a time.
struct Forward {
  Worker& w;
  int64_t D;
  std::byte *q = w.tile(), *p = w.tile();
  float *score = w.scratch<float>(kQueries * kKeys), *o = w.scratch<float>(kQueries * D);
  float *m = w.scratch<float>(kQueries), *l = w.scratch<float>(kQueries);

  // Rows [first, first + rows) of the document, all within one block of kQueries positions.
  void tile(const Rows& queries, const Rows& out, int64_t query_row, int64_t first, int64_t rows,
            const Blocks& keys, const Blocks& values, float* lse, int64_t lse_step) {
    w.gather(queries, query_row, rows, kQueries, q);
    std::fill_n(m, rows, -INFINITY);
    std::fill_n(l, rows, 0.0f);
    std::fill_n(o, kQueries * D, 0.0f);
    const int64_t last = first / kKeys;
    for (int64_t j = 0; j <= last; ++j) {
      w.by_width(q, rows, keys[j], score);
      const cpu::Visible visible = j < last ? cpu::Visible{} : cpu::Visible{first % kKeys + 1, 1};
      cpu::softmax_step(score, rows, visible, w.scale(), m, l, o, D, p, w.inner());
      w.by_keys(p, rows, values[j], o);
    }
    cpu::softmax_finish(o, m, l, rows, D, out.at(query_row), out.ld, out.type, lse, lse_step);
  }

  void rows(const Rows& queries, const Rows& out, int64_t begin, int64_t count, const Blocks& keys,
            const Blocks& values, float* lse, int64_t lse_step) {
    for (int64_t t = begin; t < begin + count;) {
      const int64_t n = std::min(kQueries - t % kQueries, begin + count - t);
      tile(queries, out, t - begin, t, n, keys, values,
           lse == nullptr ? nullptr : lse + (t - begin) * lse_step, lse_step);
      t += n;
    }
  }
};

struct Document {
  int64_t row, rows;
};
// The documents of one sequence of T rows.
std::vector<Document> documents(const Tensor& starts, int64_t sequence, int64_t T) {
  std::vector<Document> found;
  const int32_t* s = starts.data<int32_t>() + sequence * T;
  for (int64_t t = 0; t < T; ++t) {
    if (s[t] == t) found.push_back({sequence * T + t, 0});
    ++found.back().rows;
  }
  return found;
}

void forward(const Exec& exec, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& starts,
             const AttentionShape& shape, Tensor& y, Tensor& lse) {
  const int64_t D = shape.head_dim, H = shape.n_heads, Hkv = shape.n_kv_heads, group = H / Hkv;
  exec.pool.run(static_cast<size_t>(q.shape()[0] / shape.T * Hkv), [&](size_t task) {
    const int64_t sequence = static_cast<int64_t>(task) / Hkv, kv = static_cast<int64_t>(task) % Hkv;
    for (const Document& d : documents(starts, sequence, shape.T)) {
      Worker w(exec, shape, q.dtype());
      Forward f{w, D};
      const Blocks keys(w, rows_of(k, d.row, kv * D), d.rows, true, f.q);
      const Blocks values(w, rows_of(v, d.row, kv * D), d.rows, false, f.q);
      for (int64_t h = kv * group; h < (kv + 1) * group; ++h)
        f.rows(rows_of(q, d.row, h * D), rows_of(y, d.row, h * D), 0, d.rows, keys, values,
               lse.defined() ? lse.data<float>() + d.row * H + h : nullptr, H);
    }
  });
}

void cached(const Exec& exec, const Tensor& q, const std::vector<Segment>& segments,
            const AttentionShape& shape, Tensor& y) {
  const int64_t D = shape.head_dim, Hkv = shape.n_kv_heads, group = shape.n_heads / Hkv;
  exec.pool.run(segments.size() * static_cast<size_t>(Hkv), [&](size_t task) {
    const Segment& s = segments[task / static_cast<size_t>(Hkv)];
    const int64_t kv = static_cast<int64_t>(task % static_cast<size_t>(Hkv)), count = s.start + s.rows;
    Worker w(exec, shape, q.dtype());
    Forward f{w, D};
    const Blocks keys(w, rows_of(s.kc, 0, kv * D), count, true, f.q);
    const Blocks values(w, rows_of(s.vc, 0, kv * D), count, false, f.q);
    for (int64_t h = kv * group; h < (kv + 1) * group; ++h)
      f.rows(rows_of(q, s.row, h * D), rows_of(y, s.row, h * D), s.start, s.rows, keys, values, nullptr, 0);
  });
}

// The gradients of one document and one key/value head.
struct Backward {
  Worker& w;
  int64_t D;
  std::byte *q = w.tile(), *dy = w.tile(), *p = w.tile(), *ds = w.tile(), *turned = w.tile();
  std::byte *q_packed = w.scratch<std::byte>(1, w.packed_bytes(kQueries, false)),
            *dy_packed = w.scratch<std::byte>(1, w.packed_bytes(kQueries, false));
  float *score = w.scratch<float>(kQueries * kKeys), *dp = w.scratch<float>(kQueries * kKeys);
  float* dq = w.scratch<float>(kQueries * D);
  float *lse = w.scratch<float>(kQueries), *delta = w.scratch<float>(kQueries);
};

void backward(const Exec& exec, const Tensor& dy, const Tensor& q, const Tensor& k, const Tensor& v,
              const Tensor& y, const Tensor& lse, const Tensor& starts, const AttentionShape& shape,
              const GradOut& dq, const GradOut& dk, const GradOut& dv) {
  const int64_t D = shape.head_dim, H = shape.n_heads, Hkv = shape.n_kv_heads, group = H / Hkv;
  exec.pool.run(static_cast<size_t>(q.shape()[0] / shape.T * Hkv), [&](size_t task) {
    const int64_t sequence = static_cast<int64_t>(task) / Hkv, kv = static_cast<int64_t>(task) % Hkv;
    for (const Document& d : documents(starts, sequence, shape.T)) {
      Worker w(exec, shape, q.dtype());
      Backward b{w, D};
      const Rows key_rows = rows_of(k, d.row, kv * D), value_rows = rows_of(v, d.row, kv * D);
      const Blocks keys_t(w, key_rows, d.rows, true, b.q), keys(w, key_rows, d.rows, false, b.q);
      const Blocks values_t(w, value_rows, d.rows, true, b.q);
      const int64_t tiles = (d.rows + kQueries - 1) / kQueries;
      const int64_t held = (d.rows + kKeys - 1) / kKeys * kKeys * D;
      float *sum_k = w.scratch<float>(held), *sum_v = w.scratch<float>(held);
      std::fill_n(sum_k, held, 0.0f);
      std::fill_n(sum_v, held, 0.0f);
      for (int64_t h = kv * group; h < (kv + 1) * group; ++h) {
        const Rows q_rows = rows_of(q, d.row, h * D), dy_rows = rows_of(dy, d.row, h * D),
                   y_rows = rows_of(y, d.row, h * D);
        for (int64_t i = 0; i < tiles; ++i) {
          const int64_t first = i * kQueries, rows = std::min(kQueries, d.rows - first), last = first / kKeys;
          w.gather(q_rows, first, rows, kQueries, b.q);
          w.gather(dy_rows, first, rows, kQueries, b.dy);
          w.pack(b.q, kQueries, false, b.q_packed);
          w.pack(b.dy, kQueries, false, b.dy_packed);
          for (int64_t r = 0; r < rows; ++r) {
            b.lse[r] = lse.data<float>()[(d.row + first + r) * H + h];
            b.delta[r] = cpu::dot(y_rows.at(first + r), dy_rows.at(first + r), q.dtype(), D);
          }
          std::fill_n(b.dq, kQueries * D, 0.0f);
          for (int64_t j = 0; j <= last; ++j) {
            w.by_width(b.q, kQueries, keys_t[j], b.score);
            w.by_width(b.dy, kQueries, values_t[j], b.dp);
            const cpu::Visible visible = j < last ? cpu::Visible{} : cpu::Visible{first % kKeys + 1, 1};
            cpu::softmax_back(b.score, b.dp, rows, visible, w.scale(), b.lse, b.delta, b.p, b.ds, w.inner());
            w.by_keys(b.ds, kQueries, keys[j], b.dq);
            w.turn(b.p, b.turned);
            w.by_queries(b.turned, b.dy_packed, sum_v + j * kKeys * D);
            w.turn(b.ds, b.turned);
            w.by_queries(b.turned, b.q_packed, sum_k + j * kKeys * D);
          }
          if (dq.tensor.defined()) {
            const Rows out = rows_of(dq.tensor, d.row, h * D);
            cpu::put_rows(b.dq, rows, D, out.at(first), out.ld, out.type, dq.accumulate);
          }
        }
      }
      for (const auto& [g, sum] : {std::pair{&dk, sum_k}, {&dv, sum_v}}) {
        if (!g->tensor.defined()) continue;
        const Rows out = rows_of(g->tensor, d.row, kv * D);
        cpu::put_rows(sum, d.rows, D, out.data, out.ld, out.type, g->accumulate);
      }
    }
  });
}

}  // namespace

const AttentionKernels kAttentionOneDnn{forward, backward, cached};

}  // namespace leam::tensor
