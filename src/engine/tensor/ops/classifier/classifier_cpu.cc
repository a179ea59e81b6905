// Rows go through in blocks of bounded memory. In a block, logits z live one tile (64 rows × one panel
// of the vocabulary) at a time; what stays of them is e = exp(z − c) in the products' own type, with c
// near the row's largest logit. Then with s = exp(c − lse), the gradient of the loss by z is s·e minus
// the one-hot target, so that with the target's e moved by −1/s:
//   dx = s · (e · w),   dw = eᵀ · (s · x):   no second pass over the logits, one exponential for each.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/tensor/cpu/gemm.h"
#include "engine/tensor/ops/classifier/classifier_kernels.h"
#include "engine/tensor/ops/classifier/classifier_rows.h"

namespace leam::tensor {
namespace {

using cpu::RightFactor;
using cpu::RowProduct;

constexpr int64_t kTile = cpu::Products::kTile;
constexpr int64_t kTaskRows = 2 * kTile;
constexpr int64_t kBlockBytes = int64_t{64} << 20;
// A row whose exponentials sum to more than this had a bad reference c and is done again.
constexpr float kLargeSum = 1e17f;

struct Classifier {
  const Exec& exec;
  const Tensor &x, &w, &targets;
  float* losses;
  Tensor &dx, &dw;

  const int64_t N = x.shape()[0], C = x.shape()[1], V = w.shape()[0];
  const DType inner = cpu::inner_type(exec, x.dtype());
  const size_t e_size = size_of(inner);
  const bool grads = dx.defined() || dw.defined();
  const RightFactor logits_w = RightFactor::pack(exec, cpu::matrix_of(w), true);
  const int64_t panels = logits_w.panels();

  std::vector<RightFactor> panel_w = {};         // w's rows of one panel, (k = panel, n = C), for dx
  std::shared_ptr<std::byte[]> e = {}, xs = {};  // of a block: e by panel (rows, panel), s·x (rows, C)

  const std::byte* x_row(int64_t n) const {
    return static_cast<const std::byte*>(x.raw()) + static_cast<size_t>(n * C) * size_of(x.dtype());
  }
  std::byte* e_at(int64_t panel, int64_t row, int64_t rows) const {
    // Panels before this one are all full.
    const int64_t before = panel * RightFactor::kPanel * rows;
    return e.get() + static_cast<size_t>(before + row * logits_w.panel_width(panel)) * e_size;
  }
  std::byte* xs_at(int64_t row) const { return xs.get() + static_cast<size_t>(row * C) * e_size; }

  void run();
  void block(int64_t first, int64_t rows);
  void tile(int64_t first, int64_t row, int64_t rows_of_block, int64_t count, RowProduct& logits, float* z);
  void backward_x(int64_t first, int64_t row, int64_t rows_of_block, int64_t count, const float* s);
};

// Losses of rows [row, row + count) of the block that begins at row `first` of x, and e and s·x.
void Classifier::tile(int64_t first, int64_t row, int64_t rows_of_block, int64_t count, RowProduct& logits,
                      float* z) {
  float c[kTile], sum[kTile], target_z[kTile];
  const int32_t* target = targets.data<int32_t>() + first + row;
  const auto pass = [&](bool redo, const auto& wanted) {
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t width = logits_w.panel_width(p), v0 = p * RightFactor::kPanel;
      logits.panel(x_row(first + row), count, p, z, width);
      for (int64_t i = 0; i < count; ++i) {
        if (!wanted(i)) continue;
        const float* zi = z + i * width;
        if (p == 0) {
          if (!redo) c[i] = cpu::largest(zi, static_cast<size_t>(width));
          sum[i] = 0;
        }
        std::byte* ei =
            grads ? e_at(p, row, rows_of_block) + static_cast<size_t>(i * width) * e_size : nullptr;
        sum[i] += cpu::sum_of_exps(zi, static_cast<size_t>(width), c[i], ei, inner);
        if (target[i] >= v0 && target[i] < v0 + width) target_z[i] = zi[target[i] - v0];
      }
    }
  };
  pass(false, [](int64_t) { return true; });
  bool bad[kTile] = {}, any = false;
  for (int64_t i = 0; i < count; ++i) any = (bad[i] = sum[i] > kLargeSum) || any;
  if (any) {
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t width = logits_w.panel_width(p);
      logits.panel(x_row(first + row), count, p, z, width);
      for (int64_t i = 0; i < count; ++i)
        if (bad[i]) c[i] = std::max(c[i], cpu::largest(z + i * width, static_cast<size_t>(width)));
    }
    pass(true, [&](int64_t i) { return bad[i]; });
  }

  float s[kTile];
  for (int64_t i = 0; i < count; ++i) {
    const bool ignored = target[i] < 0;
    const float lse = c[i] + std::log(sum[i]);
    losses[first + row + i] = ignored ? 0.0f : lse - target_z[i];
    s[i] = ignored ? 0.0f : 1.0f / sum[i];
    if (!grads) continue;
    if (!ignored) {
      const int64_t p = target[i] / RightFactor::kPanel, width = logits_w.panel_width(p);
      const float moved = (std::exp(target_z[i] - lse) - 1.0f) * sum[i];
      std::byte* slot = e_at(p, row, rows_of_block) +
                        static_cast<size_t>(i * width + target[i] - p * RightFactor::kPanel) * e_size;
      if (inner == DType::kBF16) {
        const BF16 b = to_bf16(moved);
        std::memcpy(slot, &b, sizeof b);
      } else {
        std::memcpy(slot, &moved, sizeof moved);
      }
    }
    if (dw.defined())
      cpu::scale_row(x_row(first + row + i), x.dtype(), s[i], xs_at(row + i), inner, static_cast<size_t>(C));
  }
  if (dx.defined()) backward_x(first, row, rows_of_block, count, s);
}

void Classifier::backward_x(int64_t first, int64_t row, int64_t rows_of_block, int64_t count,
                            const float* s) {
  float* out = dx.data<float>() + (first + row) * C;
  std::optional<RowProduct> product;
  for (int64_t p = 0; p < panels; ++p) {
    const RightFactor& b = panel_w[static_cast<size_t>(p)];
    if (p < 2 || b.k() != RightFactor::kPanel) product.emplace(exec, b, inner, DType::kF32, p > 0);
    product->use(b);
    product->all(e_at(p, row, rows_of_block), count, out, C);
  }
  for (int64_t i = 0; i < count; ++i)
    cpu::scale_row(out + i * C, DType::kF32, s[i], out + i * C, DType::kF32, static_cast<size_t>(C));
}

void Classifier::block(int64_t first, int64_t rows) {
  exec.pool.run_range(
      static_cast<size_t>(rows), static_cast<size_t>(kTaskRows), [&](size_t begin, size_t end) {
        const auto z = exec.memory.allocate(static_cast<size_t>(kTile * RightFactor::kPanel) * sizeof(float));
        RowProduct logits(exec, logits_w, x.dtype(), DType::kF32, false);
        for (auto row = static_cast<int64_t>(begin); row < static_cast<int64_t>(end); row += kTile)
          tile(first, row, rows, std::min(kTile, static_cast<int64_t>(end) - row), logits,
               reinterpret_cast<float*>(z.get()));
      });
  if (!dw.defined()) return;
  const std::vector<RightFactor> chunks = cpu::pack_chunks(exec, {xs.get(), inner, rows, C, C});
  exec.pool.run_range(static_cast<size_t>(V), static_cast<size_t>(kTile), [&](size_t begin, size_t end) {
    const int64_t v = static_cast<int64_t>(begin), p = v / RightFactor::kPanel, v0 = p * RightFactor::kPanel;
    const int64_t width = logits_w.panel_width(p);
    cpu::multiply_transposed_tile(exec, {e_at(p, 0, rows), inner, rows, width, width}, v - v0,
                                  static_cast<int64_t>(end - begin), chunks, dw.data<float>() + v0 * C,
                                  first > 0);
  });
}

void Classifier::run() {
  if (N == 0) {
    if (dw.defined()) std::memset(dw.raw(), 0, dw.bytes());
    return;
  }
  int64_t rows = kBlockBytes / (V * static_cast<int64_t>(e_size));
  rows = rows >= cpu::kChunk ? rows / cpu::kChunk * cpu::kChunk
                             : std::max(kTaskRows, rows / kTaskRows * kTaskRows);
  rows = std::min(rows, N);
  if (grads) e = exec.memory.allocate(static_cast<size_t>(rows * V) * e_size);
  if (dw.defined()) xs = exec.memory.allocate(static_cast<size_t>(rows * C) * e_size);
  if (dx.defined())
    for (int64_t v = 0; v < V; v += RightFactor::kPanel)
      panel_w.push_back(
          RightFactor::pack(exec, cpu::matrix_of(w.rows(v, std::min(V, v + RightFactor::kPanel))), false));
  for (int64_t first = 0; first < N; first += rows) block(first, std::min(rows, N - first));
}

void run(const Exec& exec, const Tensor& x, const Tensor& w, const Tensor& targets, Tensor& row_losses,
         Tensor& dx, Tensor& dw) {
  Classifier{.exec = exec,
             .x = x,
             .w = w,
             .targets = targets,
             .losses = row_losses.data<float>(),
             .dx = dx,
             .dw = dw}
      .run();
}

}  // namespace

const ClassifierKernels kClassifierOneDnn{run};

}  // namespace leam::tensor
