#include "engine/tensor/cpu/elementwise.h"

#include <cmath>
#include <cstring>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/cpu/elementwise.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>

#include "engine/tensor/cpu/simd-inl.h"

#ifndef LEAM_ENGINE_TENSOR_CPU_ELEMENTWISE_ONCE
#define LEAM_ENGINE_TENSOR_CPU_ELEMENTWISE_ONCE
namespace leam::tensor::cpu {
// AdamW with everything that is the same for all elements worked out.
struct AdamWFactors {
  float beta1, rest1, beta2, rest2;  // β and 1 − β
  float grad_scale, step_size, root_scale, eps, keep;
};
}  // namespace leam::tensor::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

HWY_INLINE VF adamw_update(const AdamWFactors& a, VF g, VF w, VF& m, VF& v) {
  const F d;
  g = hn::Mul(g, hn::Set(d, a.grad_scale));
  m = hn::MulAdd(hn::Set(d, a.rest1), g, hn::Mul(hn::Set(d, a.beta1), m));
  v = hn::MulAdd(hn::Set(d, a.rest2), hn::Mul(g, g), hn::Mul(hn::Set(d, a.beta2), v));
  const VF root = hn::MulAdd(hn::Sqrt(v), hn::Set(d, a.root_scale), hn::Set(d, a.eps));
  return hn::NegMulAdd(hn::Set(d, a.step_size), hn::Div(m, root), hn::Mul(w, hn::Set(d, a.keep)));
}

template <class T>
void adamw_range(const AdamWFactors& a, const float* g, float* w, float* m, float* v, T* copy, size_t n) {
  const size_t L = lanes();
  size_t i = 0;
  for (; i + L <= n; i += L) {
    VF vm = load(m + i), vv = load(v + i);
    const VF vw = adamw_update(a, load(g + i), load(w + i), vm, vv);
    store(vm, m + i);
    store(vv, v + i);
    store(vw, w + i);
    if (copy != nullptr) store(vw, copy + i);
  }
  if (i == n) return;
  VF vm = load_some(m + i, n - i), vv = load_some(v + i, n - i);
  const VF vw = adamw_update(a, load_some(g + i, n - i), load_some(w + i, n - i), vm, vv);
  store_some(vm, m + i, n - i);
  store_some(vv, v + i, n - i);
  store_some(vw, w + i, n - i);
  if (copy != nullptr) store_some(vw, copy + i, n - i);
}
void adamw_f32(const AdamWFactors& a, const float* g, float* w, float* m, float* v, float* copy, size_t n) {
  adamw_range(a, g, w, m, v, copy, n);
}
void adamw_bf16(const AdamWFactors& a, const float* g, float* w, float* m, float* v, BF16* copy, size_t n) {
  adamw_range(a, g, w, m, v, copy, n);
}

float squares(const float* x, size_t n) {
  const size_t L = lanes();
  VF a = hn::Zero(F()), b = hn::Zero(F());
  size_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    const VF x0 = load(x + i), x1 = load(x + i + L);
    a = hn::MulAdd(x0, x0, a);
    b = hn::MulAdd(x1, x1, b);
  }
  for (; i < n; i += L) {
    const VF x0 = i + L <= n ? load(x + i) : load_some(x + i, n - i);
    a = hn::MulAdd(x0, x0, a);
  }
  return sum_of(hn::Add(a, b));
}

template <class T>
void add_scaled_range(T* target, bool fresh, const float* source, float scale, size_t n) {
  const VF s = hn::Set(F(), scale);
  const size_t L = lanes();
  size_t i = 0;
  if (fresh) {
    for (; i + L <= n; i += L) store(hn::Mul(load(source + i), s), target + i);
    if (i < n) store_some(hn::Mul(load_some(source + i, n - i), s), target + i, n - i);
  } else {
    for (; i + L <= n; i += L) store(hn::MulAdd(load(source + i), s, load(target + i)), target + i);
    if (i < n)
      store_some(hn::MulAdd(load_some(source + i, n - i), s, load_some(target + i, n - i)), target + i,
                 n - i);
  }
}
void add_scaled_f32(float* target, bool fresh, const float* source, float scale, size_t n) {
  add_scaled_range(target, fresh, source, scale, n);
}
void add_scaled_bf16(BF16* target, bool fresh, const float* source, float scale, size_t n) {
  add_scaled_range(target, fresh, source, scale, n);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "engine/tensor/cpu/pack.h"
#include "engine/tensor/ops/op.h"

namespace leam::tensor::cpu {
namespace {

HWY_EXPORT(adamw_f32);
HWY_EXPORT(adamw_bf16);
HWY_EXPORT(squares);
HWY_EXPORT(add_scaled_f32);
HWY_EXPORT(add_scaled_bf16);

constexpr size_t kGrain = size_t{1} << 15;

size_t count(const Tensor& t) {
  return static_cast<size_t>(t.numel());
}

void check_alike(const char* what, const Tensor& a, const Tensor& b) {
  check_type(what, b, DType::kF32);
  bug_if(a.numel() != b.numel(), std::string(what) + ": tensors of different sizes");
}

}  // namespace

void adamw(const Exec& exec, const AdamW& a, const Tensor& grad, Tensor& w, Tensor& m, Tensor& v,
           Tensor* copy) {
  for (const Tensor* t : std::initializer_list<const Tensor*>{&grad, &w, &m, &v})
    check_alike("adamw", grad, *t);
  bug_if(a.step < 1, "adamw: steps count from 1");
  if (copy != nullptr) {
    check_float("adamw", *copy);
    bug_if(copy->numel() != w.numel(), "adamw: a copy of another size");
  }
  const auto step = static_cast<double>(a.step);
  const double rest1 = 1.0 - std::pow(static_cast<double>(a.beta1), step);
  const double rest2 = 1.0 - std::pow(static_cast<double>(a.beta2), step);
  AdamWFactors f{};
  f.beta1 = a.beta1;
  f.rest1 = 1.0f - a.beta1;
  f.beta2 = a.beta2;
  f.rest2 = 1.0f - a.beta2;
  f.grad_scale = a.grad_scale;
  f.step_size = static_cast<float>(static_cast<double>(a.lr) / rest1);
  f.root_scale = static_cast<float>(1.0 / std::sqrt(rest2));
  f.eps = a.eps;
  f.keep = 1.0f - a.lr * a.weight_decay;
  exec.pool.run_range(count(w), kGrain, [&](size_t i, size_t end) {
    const size_t n = end - i;
    const float* g = grad.data<float>() + i;
    float *pw = w.data<float>() + i, *pm = m.data<float>() + i, *pv = v.data<float>() + i;
    if (copy != nullptr && copy->dtype() == DType::kBF16) {
      HWY_DYNAMIC_DISPATCH(adamw_bf16)(f, g, pw, pm, pv, copy->data<BF16>() + i, n);
    } else {
      float* c = copy == nullptr ? nullptr : copy->data<float>() + i;
      HWY_DYNAMIC_DISPATCH(adamw_f32)(f, g, pw, pm, pv, c, n);
    }
  });
}

double squared_norm(const Exec& exec, const Tensor& x) {
  check_type("squared_norm", x, DType::kF32);
  constexpr size_t kBlock = 4096;
  const size_t n = count(x), blocks = (n + kBlock - 1) / kBlock;
  std::vector<float> sums(blocks);
  exec.pool.run_range(blocks, 8, [&](size_t begin, size_t end) {
    for (size_t b = begin; b < end; ++b)
      sums[b] = HWY_DYNAMIC_DISPATCH(squares)(x.data<float>() + b * kBlock, std::min(kBlock, n - b * kBlock));
  });
  double sum = 0;
  for (float s : sums) sum += static_cast<double>(s);
  return sum;
}

void add_scaled(const Exec& exec, Tensor& target, bool fresh, const Tensor& source, float scale) {
  check_alike("add_scaled", target, source);
  check_float("add_scaled", target);
  exec.pool.run_range(count(target), kGrain, [&](size_t i, size_t end) {
    const float* from = source.data<float>() + i;
    if (target.dtype() == DType::kF32) {
      HWY_DYNAMIC_DISPATCH(add_scaled_f32)(target.data<float>() + i, fresh, from, scale, end - i);
    } else {
      HWY_DYNAMIC_DISPATCH(add_scaled_bf16)(target.data<BF16>() + i, fresh, from, scale, end - i);
    }
  });
}

void add_to(const Exec& exec, Tensor& target, const Tensor& source) {
  add_scaled(exec, target, false, source, 1.0f);
}

void scale(const Exec& exec, Tensor& target, float scale) {
  add_scaled(exec, target, true, target, scale);
}

void fill_zero(const Exec& exec, Tensor& target) {
  auto* bytes = static_cast<std::byte*>(target.raw());
  exec.pool.run_range(target.bytes(), kGrain * 8,
                      [&](size_t begin, size_t end) { std::memset(bytes + begin, 0, end - begin); });
}

void copy(const Exec& exec, const Tensor& from, Tensor& to) {
  check_float("copy", from);
  check_float("copy", to);
  bug_if(from.numel() != to.numel(), "copy: tensors of different sizes");
  exec.pool.run_range(count(to), kGrain, [&](size_t i, size_t end) {
    const size_t n = end - i;
    if (from.dtype() == to.dtype()) {
      std::memcpy(static_cast<std::byte*>(to.raw()) + i * size_of(to.dtype()),
                  static_cast<const std::byte*>(from.raw()) + i * size_of(to.dtype()),
                  n * size_of(to.dtype()));
    } else if (to.dtype() == DType::kBF16) {
      convert(from.data<float>() + i, to.data<BF16>() + i, n);
    } else {
      convert(from.data<BF16>() + i, to.data<float>() + i, n);
    }
  });
}

}  // namespace leam::tensor::cpu
#endif
