#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/tensor/ops/attention/attention_kernels.h"

namespace leam::tensor {
namespace {

// One row of one head: attends to `count` rows of k and v that are `stride` elements apart.
template <class T>
float attend(const T* q, const T* k, const T* v, int64_t count, int64_t stride, int64_t D, T* y,
             std::vector<float>& score) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(D));
  score.resize(static_cast<size_t>(count));
  float max = -INFINITY;
  for (int64_t s = 0; s < count; ++s) {
    float sum = 0;
    for (int64_t d = 0; d < D; ++d) sum += to_float(q[d]) * to_float(k[s * stride + d]);
    score[static_cast<size_t>(s)] = sum * scale;
    max = std::max(max, sum * scale);
  }
  float total = 0;
  for (float& p : score) {
    p = std::exp(p - max);
    total += p;
  }
  for (int64_t d = 0; d < D; ++d) {
    float sum = 0;
    for (int64_t s = 0; s < count; ++s) sum += score[static_cast<size_t>(s)] * to_float(v[s * stride + d]);
    y[d] = from_float<T>(sum / total);
  }
  return max + std::log(total);
}

template <class T>
void forward(const Exec&, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& starts,
             const AttentionShape& shape, Tensor& y, Tensor& lse) {
  const int64_t N = q.shape()[0], T_rows = shape.T, H = shape.n_heads, Hk = shape.n_kv_heads,
                D = shape.head_dim;
  std::vector<float> score;
  for (int64_t n = 0; n < N; ++n) {
    const int64_t t = n % T_rows, first = n - t + starts.data<int32_t>()[n];
    for (int64_t h = 0; h < H; ++h) {
      const int64_t kv = first * Hk * D + h / (H / Hk) * D;
      const float l = attend(q.data<T>() + (n * H + h) * D, k.data<T>() + kv, v.data<T>() + kv, n - first + 1,
                             Hk * D, D, y.data<T>() + (n * H + h) * D, score);
      if (lse.defined()) lse.data<float>()[n * H + h] = l;
    }
  }
}

template <class T>
void put(const GradOut& g, const std::vector<float>& sum) {
  if (!g.tensor.defined()) return;
  for (size_t i = 0; i < sum.size(); ++i) {
    T& slot = g.tensor.data<T>()[i];
    slot = from_float<T>(g.accumulate ? to_float(slot) + sum[i] : sum[i]);
  }
}

template <class T>
void backward(const Exec&, const Tensor& dy, const Tensor& q, const Tensor& k, const Tensor& v,
              const Tensor& y, const Tensor& lse, const Tensor& starts, const AttentionShape& shape,
              const GradOut& dq, const GradOut& dk, const GradOut& dv) {
  const int64_t N = q.shape()[0], T_rows = shape.T, H = shape.n_heads, Hk = shape.n_kv_heads,
                D = shape.head_dim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(D));
  std::vector<float> sum_q(static_cast<size_t>(q.numel())), sum_k(static_cast<size_t>(k.numel())),
      sum_v(static_cast<size_t>(v.numel()));
  for (int64_t n = 0; n < N; ++n) {
    const int64_t t = n % T_rows, first = n - t + starts.data<int32_t>()[n];
    for (int64_t h = 0; h < H; ++h) {
      const int64_t at = (n * H + h) * D;
      float delta = 0;
      for (int64_t d = 0; d < D; ++d) delta += to_float(y.data<T>()[at + d]) * to_float(dy.data<T>()[at + d]);
      for (int64_t s = first; s <= n; ++s) {
        const int64_t kv = (s * Hk + h / (H / Hk)) * D;
        float score = 0, dp = 0;
        for (int64_t d = 0; d < D; ++d) {
          score += to_float(q.data<T>()[at + d]) * to_float(k.data<T>()[kv + d]);
          dp += to_float(dy.data<T>()[at + d]) * to_float(v.data<T>()[kv + d]);
        }
        const float p = std::exp(score * scale - lse.data<float>()[n * H + h]);
        const float ds = p * (dp - delta) * scale;
        for (int64_t d = 0; d < D; ++d) {
          sum_q[static_cast<size_t>(at + d)] += ds * to_float(k.data<T>()[kv + d]);
          sum_k[static_cast<size_t>(kv + d)] += ds * to_float(q.data<T>()[at + d]);
          sum_v[static_cast<size_t>(kv + d)] += p * to_float(dy.data<T>()[at + d]);
        }
      }
    }
  }
  put<T>(dq, sum_q);
  put<T>(dk, sum_k);
  put<T>(dv, sum_v);
}

template <class T>
void cached(const Exec&, const Tensor& q, const std::vector<Segment>& segments, const AttentionShape& shape,
            Tensor& y) {
  const int64_t H = shape.n_heads, Hk = shape.n_kv_heads, D = shape.head_dim;
  std::vector<float> score;
  for (const Segment& segment : segments)
    for (int64_t i = 0; i < segment.rows; ++i)
      for (int64_t h = 0; h < H; ++h) {
        const int64_t at = ((segment.row + i) * H + h) * D, kv = h / (H / Hk) * D;
        attend(q.data<T>() + at, segment.kc.data<T>() + kv, segment.vc.data<T>() + kv, segment.start + i + 1,
               Hk * D, D, y.data<T>() + at, score);
      }
}

}  // namespace

const AttentionKernels kAttentionRefF32{forward<float>, backward<float>, cached<float>};
const AttentionKernels kAttentionRefBF16{forward<BF16>, backward<BF16>, cached<BF16>};

}  // namespace leam::tensor
