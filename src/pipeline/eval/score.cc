#include "pipeline/eval/score.h"

#include <algorithm>
#include <numeric>

namespace leam::eval {
namespace {

using tensor::DType;
using tensor::Tensor;

// How many rows with room left are looked at for the next window; bounds the packing of a large sample.
constexpr size_t kOpenRows = 64;
constexpr int64_t kTokensACall = 4096;

std::vector<Window> all_windows(std::span<const std::vector<int32_t>> sequences, int64_t T,
                                const ScoreOptions& options) {
  const int64_t stride = options.stride > 0 ? std::min(options.stride, T) : std::max<int64_t>(1, T / 2);
  std::vector<Window> all;
  for (size_t i = 0; i < sequences.size(); ++i) {
    bug_if(sequences[i].size() < 2, "a sequence without a prediction");
    const auto some = windows(i, static_cast<int64_t>(sequences[i].size()) - 1, T, stride);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace

std::vector<Window> windows(size_t document, int64_t n, int64_t T, int64_t stride) {
  bug_if(n < 1 || T < 1 || stride < 1 || stride > T, "windows that go nowhere");
  std::vector<Window> out{{document, 0, std::min(n, T), 0}};
  for (int64_t counted = out[0].size; counted < n;) {
    const int64_t end = std::min(counted + stride, n);
    out.push_back({document, end - T, T, T - (end - counted)});
    counted = end;
  }
  return out;
}

std::vector<std::vector<size_t>> pack(std::span<const Window> windows, int64_t T) {
  std::vector<size_t> order(windows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return windows[a].size > windows[b].size; });
  std::vector<std::vector<size_t>> rows;
  std::vector<std::pair<size_t, int64_t>> open;  // row, room left
  for (const size_t w : order) {
    const int64_t size = windows[w].size;
    const auto fits = std::find_if(open.begin(), open.end(), [&](const auto& o) { return o.second >= size; });
    if (fits != open.end()) {
      rows[fits->first].push_back(w);
      fits->second -= size;
      continue;
    }
    rows.push_back({w});
    if (size == T) continue;
    if (open.size() == kOpenRows) open.erase(open.begin());
    open.emplace_back(rows.size() - 1, T - size);
  }
  return rows;
}

Result<std::vector<double>> score(const nn::Decoder& decoder, const tensor::Exec& exec,
                                  std::span<const std::vector<int32_t>> sequences,
                                  const ScoreOptions& options,
                                  const std::function<Result<void>(int64_t)>& on_tokens) {
  const int64_t T = decoder.config().max_context;
  const std::vector<Window> all = all_windows(sequences, T, options);
  const auto rows = pack(all, T);
  const int64_t at_once =
      options.batch_rows > 0 ? options.batch_rows : std::max<int64_t>(1, kTokensACall / T);
  std::vector<double> window_nats(all.size(), 0.0);
  for (size_t first = 0; first < rows.size(); first += static_cast<size_t>(at_once)) {
    const auto B = static_cast<int64_t>(std::min(rows.size() - first, static_cast<size_t>(at_once)));
    nn::Batch batch;
    batch.B = B;
    batch.T = T;
    batch.ids = Tensor::zeros(exec.memory, {B * T}, DType::kI32);
    batch.targets = Tensor::empty(exec.memory, {B * T}, DType::kI32);
    batch.positions = Tensor::zeros(exec.memory, {B * T}, DType::kI32);
    batch.starts = Tensor::empty(exec.memory, {B * T}, DType::kI32);
    std::fill_n(batch.targets.data<int32_t>(), B * T, -1);
    for (int64_t n = 0; n < B * T; ++n)
      batch.starts.data<int32_t>()[n] = static_cast<int32_t>(n % T);  // padding
    for (int64_t b = 0; b < B; ++b) {
      int64_t t = 0;
      for (const size_t index : rows[first + static_cast<size_t>(b)]) {
        const Window& w = all[index];
        const std::vector<int32_t>& ids = sequences[w.document];
        for (int64_t i = 0; i < w.size; ++i) {
          const int64_t n = b * T + t + i;
          const auto at = static_cast<size_t>(w.begin + i);
          batch.ids.data<int32_t>()[n] = ids[at];
          batch.targets.data<int32_t>()[n] = i < w.skip ? -1 : ids[at + 1];
          batch.positions.data<int32_t>()[n] = static_cast<int32_t>(i);
          batch.starts.data<int32_t>()[n] = static_cast<int32_t>(t);
        }
        t += w.size;
      }
    }
    const Tensor losses = decoder.row_losses(exec, batch);
    const float* loss = losses.data<float>();
    for (int64_t b = 0; b < B; ++b) {
      int64_t t = 0;
      for (const size_t index : rows[first + static_cast<size_t>(b)]) {
        const Window& w = all[index];
        for (int64_t i = w.skip; i < w.size; ++i) window_nats[index] += double{loss[b * T + t + i]};
        t += w.size;
      }
    }
    if (on_tokens) LEAM_TRY(on_tokens((static_cast<int64_t>(first) + B) * T));
  }
  std::vector<double> nats(sequences.size(), 0.0);
  for (size_t i = 0; i < all.size(); ++i) nats[all[i].document] += window_nats[i];
  return nats;
}

int64_t planned_tokens(std::span<const std::vector<int32_t>> sequences, int64_t context,
                       const ScoreOptions& options) {
  const std::vector<Window> all = all_windows(sequences, context, options);
  return static_cast<int64_t>(pack(all, context).size()) * context;
}

}  // namespace leam::eval
