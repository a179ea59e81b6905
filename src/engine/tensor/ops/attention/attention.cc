#include "engine/tensor/ops/attention/attention.h"

#include "engine/tensor/ops/attention/attention_kernels.h"

namespace leam::tensor {

Candidates attention_candidates() {
  return {{"onednn", Device::kCpu, DType::kF32, &kAttentionOneDnn},
          {"onednn", Device::kCpu, DType::kBF16, &kAttentionOneDnn},
          {"ref", Device::kCpu, DType::kF32, &kAttentionRefF32},
          {"ref", Device::kCpu, DType::kBF16, &kAttentionRefBF16}};
}

namespace {

void check_heads(const AttentionShape& s) {
  bug_if(s.n_heads < 1 || s.n_kv_heads < 1 || s.head_dim < 1 || s.n_heads % s.n_kv_heads != 0,
         "attention: heads are not a multiple of key/value heads");
}

}  // namespace

Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, const Tensor& starts,
              const AttentionShape& shape) {
  const Exec& exec = tape.exec();
  check_heads(shape);
  check_rank("attention", q.value(), 2);
  check_float("attention", q.value());
  const int64_t N = q.shape()[0], kv_width = shape.n_kv_heads * shape.head_dim;
  check_shape("attention", q.value(), {N, shape.n_heads * shape.head_dim});
  for (const Var* kv : {&k, &v}) {
    check_shape("attention", kv->value(), {N, kv_width});
    check_type("attention", kv->value(), q.value().dtype());
  }
  check_shape("attention", starts, {N});
  check_type("attention", starts, DType::kI32);
  bug_if(shape.T < 1 || N % shape.T != 0, "attention: rows are not a multiple of T");
  for (int64_t n = 0; n < N; ++n) {
    const int32_t start = starts.data<int32_t>()[n];
    bug_if(start < 0 || start > n % shape.T, "attention: a document that starts after its own row");
    bug_if(start != n % shape.T && start != starts.data<int32_t>()[n - 1],
           "attention: a row of a document that did not begin");
  }
  const bool grads = q.wants_grad() || k.wants_grad() || v.wants_grad();
  bug_if(grads && (q.value().raw() == k.value().raw() || k.value().raw() == v.value().raw() ||
                   q.value().raw() == v.value().raw()),
         "attention: two of q, k and v are one tensor");

  Tensor y = Tensor::empty(exec.memory, q.shape(), q.value().dtype());
  Tensor lse;
  if (grads) lse = Tensor::empty(exec.memory, {N, shape.n_heads}, DType::kF32);
  kernels<AttentionKernels>(exec, y.dtype())
      .forward(exec, q.value(), k.value(), v.value(), starts, shape, y, lse);
  if (!grads) return tape.constant(y);
  return tape.emit(y, {q, k, v},
                   [&exec, qv = q.value(), kv = k.value(), vv = v.value(), y, lse, starts, shape](
                       const Tensor& dy, GradSink& sink) {
                     const GradOut dq = grad_out(sink, 0), dk = grad_out(sink, 1), dv = grad_out(sink, 2);
                     kernels<AttentionKernels>(exec, dy.dtype())
                         .backward(exec, dy, qv, kv, vv, y, lse, starts, shape, dq, dk, dv);
                   });
}

Tensor attention_cached(const Exec& exec, const Tensor& q, const std::vector<Segment>& segments,
                        const AttentionShape& shape) {
  check_heads(shape);
  check_rank("attention_cached", q, 2);
  check_float("attention_cached", q);
  const int64_t N = q.shape()[0], kv_width = shape.n_kv_heads * shape.head_dim;
  check_shape("attention_cached", q, {N, shape.n_heads * shape.head_dim});
  int64_t covered = 0;
  for (const Segment& s : segments) {
    bug_if(s.rows < 1 || s.start < 0 || s.row < 0 || s.row + s.rows > N,
           "attention_cached: a segment outside of the rows");
    covered += s.rows;
    for (const Tensor* cache : {&s.kc, &s.vc}) {
      check_rank("attention_cached", *cache, 2);
      check_type("attention_cached", *cache, q.dtype());
      check_shape("attention_cached", *cache, {cache->shape()[0], kv_width});
      bug_if(cache->shape()[0] < s.start + s.rows, "attention_cached: a segment beyond its cache");
    }
  }
  bug_if(covered != N, "attention_cached: segments do not cover the rows");
  Tensor y = Tensor::empty(exec.memory, q.shape(), q.dtype());
  kernels<AttentionKernels>(exec, q.dtype()).cached(exec, q, segments, shape, y);
  return y;
}

}  // namespace leam::tensor
