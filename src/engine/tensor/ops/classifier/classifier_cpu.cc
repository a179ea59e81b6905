// Rows go through in blocks of bounded memory. In a block, logits z live one tile (64 rows × one panel
// of the vocabulary) at a time; what stays of them is e = exp(z − c) in the products' own type, with c
// near the row's largest logit. Then with s = exp(c − lse), the gradient of the loss by z is s·e minus
// the one-hot target, so that with the target's e moved by −1/s:
//   dx = s · (e · w),   dw = eᵀ · (s · x):   no second pass over the logits, one exponential for each.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "engine/tensor/cpu/gemm.h"
#include "engine/tensor/ops/classifier/classifier_kernels.h"
#include "engine/tensor/ops/classifier/classifier_rows.h"

namespace leam::tensor {
namespace {

using cpu::RightFactor;
using cpu::RowProduct;

constexpr int64_t kTile = cpu::Products::kTile;
// Rows of one task: its tiles share each panel of w while that is in the second cache.
constexpr int64_t kTaskRows = 4 * kTile;
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
  const std::byte* w_row(int64_t v) const {
    return static_cast<const std::byte*>(w.raw()) + static_cast<size_t>(v * C) * size_of(w.dtype());
  }
  std::byte* e_at(int64_t panel, int64_t row, int64_t rows) const {
    // Panels before this one are all full.
    const int64_t before = panel * RightFactor::kPanel * rows;
    return e.get() + static_cast<size_t>(before + row * logits_w.panel_width(panel)) * e_size;
  }
  std::byte* xs_at(int64_t row) const { return xs.get() + static_cast<size_t>(row * C) * e_size; }

  void run();
  void block(int64_t first, int64_t count);
  void rows(int64_t first, int64_t row, int64_t rows_of_block, int64_t count);
};

// Losses of rows [row, row + count) of the block that begins at row `first` of x, and e and s·x.
void Classifier::rows(int64_t first, int64_t row, int64_t rows_of_block, int64_t count) {
  const auto scratch = exec.memory.allocate(static_cast<size_t>(kTile * RightFactor::kPanel) * sizeof(float));
  auto* z = reinterpret_cast<float*>(scratch.get());
  RowProduct logits(exec, logits_w, x.dtype(), DType::kF32, false);
  float* out = dx.defined() ? dx.data<float>() + (first + row) * C : nullptr;
  std::optional<RowProduct> to_x;
  float c[kTaskRows], sum[kTaskRows] = {}, target_z[kTaskRows] = {};
  bool bad[kTaskRows] = {};
  const int32_t* target = targets.data<int32_t>() + first + row;

  // Goes over all logits of these rows: each(i, panel, row i's logits in the panel), then done(panel, tile).
  const auto each_panel = [&](const auto& each, const auto& done) {
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t width = logits_w.panel_width(p);
      for (int64_t t = 0; t < count; t += kTile) {
        const int64_t height = std::min(kTile, count - t);
        logits.panel(x_row(first + row + t), height, p, z, width);
        for (int64_t i = 0; i < height; ++i) each(t + i, p, z + i * width);
        done(p, t, height);
      }
    }
  };
  const auto add_exps = [&](int64_t i, int64_t p, const float* zi) {
    const int64_t width = logits_w.panel_width(p), v = target[i] - p * RightFactor::kPanel;
    std::byte* ei = grads ? e_at(p, row, rows_of_block) + static_cast<size_t>(i * width) * e_size : nullptr;
    sum[i] += cpu::sum_of_exps(zi, static_cast<size_t>(width), c[i], ei, inner);
    if (target[i] >= 0 && v >= 0 && v < width) target_z[i] = zi[v];
  };
  const auto add_to_x = [&](int64_t p, int64_t t, int64_t height) {
    if (out == nullptr) return;
    const RightFactor& b = panel_w[static_cast<size_t>(p)];
    if (t == 0 && (p < 2 || b.k() != RightFactor::kPanel)) to_x.emplace(exec, b, inner, DType::kF32, p > 0);
    to_x->use(b);
    to_x->all(e_at(p, row + t, rows_of_block), height, out + t * C, C);
  };
  const auto nothing = [](int64_t, int64_t, int64_t) {};
  each_panel(
      [&](int64_t i, int64_t p, const float* zi) {
        if (p == 0) c[i] = cpu::largest(zi, static_cast<size_t>(logits_w.panel_width(0)));
        add_exps(i, p, zi);
      },
      add_to_x);
  bool any = false;
  for (int64_t i = 0; i < count; ++i) any = (bad[i] = sum[i] > kLargeSum) || any;
  if (any) {
    // All rows go through again, those with a good reference to the same end.
    each_panel(
        [&](int64_t i, int64_t p, const float* zi) {
          if (bad[i]) c[i] = std::max(c[i], cpu::largest(zi, static_cast<size_t>(logits_w.panel_width(p))));
        },
        nothing);
    std::fill_n(sum, count, 0.0f);
    each_panel(add_exps, add_to_x);
  }

  float s[kTaskRows];
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
  if (out == nullptr) return;
  for (int64_t i = 0; i < count; ++i) {
    cpu::scale_row(out + i * C, DType::kF32, s[i], out + i * C, DType::kF32, static_cast<size_t>(C));
    if (target[i] >= 0) cpu::subtract_row(w_row(target[i]), w.dtype(), out + i * C, static_cast<size_t>(C));
  }
}

void Classifier::block(int64_t first, int64_t count) {
  exec.pool.run_range(static_cast<size_t>(count), static_cast<size_t>(kTaskRows),
                      [&](size_t begin, size_t end) {
                        rows(first, static_cast<int64_t>(begin), count, static_cast<int64_t>(end - begin));
                      });
  if (!dw.defined()) return;
  const std::vector<RightFactor> chunks = RightFactor::pack_chunks(exec, {xs.get(), inner, count, C, C});
  static_assert(RightFactor::kPanel % cpu::kPartWidth == 0);
  exec.pool.run_range(static_cast<size_t>(V), static_cast<size_t>(cpu::kPartWidth),
                      [&](size_t begin, size_t end) {
                        const int64_t v = static_cast<int64_t>(begin), p = v / RightFactor::kPanel,
                                      v0 = p * RightFactor::kPanel;
                        const int64_t width = logits_w.panel_width(p);
                        cpu::multiply_transposed_part(exec, {e_at(p, 0, count), inner, count, width, width},
                                                      v - v0, static_cast<int64_t>(end - begin), chunks, 0,
                                                      chunks.size(), dw.data<float>() + v * C, first > 0);
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
  static_assert(RightFactor::kPanel == cpu::kChunk);
  if (dx.defined()) panel_w = RightFactor::pack_chunks(exec, cpu::matrix_of(w));
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
