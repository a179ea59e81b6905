#include <cmath>
#include <cstring>

#include "base/core/rng.h"
#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {
namespace {

// Σ weights ∘ y as a value on the tape, so that backward() has one number to start from.
Var weighted_sum(Tape& tape, const std::vector<Var>& ys, const Tensor& weights) {
  const Exec& exec = tape.exec();
  double sum = 0;
  for (const Var& y : ys) {
    const auto v = values_of(y.value()), w = values_of(weights);
    for (size_t i = 0; i < v.size(); ++i) sum += static_cast<double>(v[i]) * static_cast<double>(w[i]);
  }
  const auto total = static_cast<float>(sum);
  std::vector<DType> types;
  for (const Var& y : ys) types.push_back(y.value().dtype());
  return tape.emit(Tensor::of(exec.memory, {1}, std::span<const float>(&total, 1)), ys,
                   [&exec, weights, types](const Tensor& g, GradSink& sink) {
                     EXPECT_EQ(g.data<float>()[0], 1.0f);
                     for (size_t i = 0; i < types.size(); ++i) {
                       if (sink.wants(i)) {
                         EXPECT_TRUE(sink.take(i, weights.to(exec.memory, types[i])));
                       }
                     }
                   });
}

struct Outcome {
  Tensor y;
  std::vector<Tensor> grads;  // f32
};

std::vector<Tensor> make_inputs(const OperatorCase& c, Memory& memory, DType type) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Input& in = c.inputs[i];
    Tensor t = random_tensor(memory, in.shape, DType::kF32, i + 1, in.scale);
    for (int64_t j = 0; j < t.numel(); ++j) t.data<float>()[j] += in.shift;
    inputs.push_back(in.always_f32 ? t : t.to(memory, type));
  }
  return inputs;
}

// The operator runs twice on the same inputs: gradients must be added to what is there.
Outcome run(const OperatorCase& c, const Exec& exec, const std::vector<Tensor>& inputs) {
  Outcome out;
  Tape tape(exec, true);
  std::vector<Var> vars;
  out.grads.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    out.grads.push_back(Tensor::zeros(exec.memory, inputs[i].shape(), DType::kF32));
    Var leaf = tape.leaf(inputs[i], &out.grads[i]);
    if (!c.inputs[i].parameter)
      leaf = add(tape, leaf, tape.constant(Tensor::zeros(exec.memory, inputs[i].shape(), inputs[i].dtype())));
    vars.push_back(leaf);
  }
  const Var y = c.apply(tape, vars), again = c.apply(tape, vars);
  expect_same_bits(y.value(), again.value(), c.name + " twice");
  out.y = y.value();
  const Tensor weights = random_tensor(exec.memory, y.shape(), DType::kF32, 99)
                             .to(exec.memory, y.value().dtype())
                             .to(exec.memory, DType::kF32);
  tape.backward(weighted_sum(tape, {y, again}, weights));
  return out;
}

double loss_of(const OperatorCase& c, const Exec& exec, const std::vector<Tensor>& inputs) {
  Tape tape(exec, false);
  std::vector<Var> vars;
  for (const Tensor& t : inputs) vars.push_back(tape.constant(t));
  const Var y = c.apply(tape, vars);
  const auto v = values_of(y.value()), w = values_of(random_tensor(exec.memory, y.shape(), DType::kF32, 99));
  double sum = 0;
  for (size_t i = 0; i < v.size(); ++i) sum += static_cast<double>(v[i]) * static_cast<double>(w[i]);
  return 2 * sum;
}

// Central differences at a few elements of every input.
void check_differences(const OperatorCase& c) {
  Bench bench(1, KernelChoice::kReference);
  std::vector<Tensor> inputs = make_inputs(c, bench.memory, DType::kF32);
  const Outcome out = run(c, bench.exec, inputs);
  const Stream random(7, purpose("difference check"));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto grad = values_of(out.grads[i]);
    float largest = 1e-3f;
    for (float g : grad) largest = std::max(largest, std::abs(g));
    for (uint64_t k = 0; k < 12; ++k) {
      const auto at = static_cast<size_t>(random.below(i * 100 + k, grad.size()));
      float& slot = inputs[i].data<float>()[at];
      const float was = slot, h = 1e-2f * std::max(c.inputs[i].scale, 1e-2f);
      slot = was + h;
      const double up = loss_of(c, bench.exec, inputs);
      slot = was - h;
      const double down = loss_of(c, bench.exec, inputs);
      slot = was;
      EXPECT_NEAR((up - down) / (2 * static_cast<double>(h)), static_cast<double>(grad[at]),
                  2e-2 * static_cast<double>(largest))
          << c.name << " input " << i << " element " << at;
    }
  }
}

}  // namespace

Tensor random_tensor(Memory& memory, Shape shape, DType type, uint64_t salt, float scale) {
  Tensor t = Tensor::empty(memory, shape, DType::kF32);
  const Stream random(1, purpose("operator case"), salt);
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<float>()[i] = scale * random.normal(static_cast<uint64_t>(i));
  return t.to(memory, type);
}

Tensor random_ids(Memory& memory, int64_t n, int32_t below, uint64_t salt) {
  Tensor t = Tensor::empty(memory, {n}, DType::kI32);
  const Stream random(1, purpose("operator ids"), salt);
  for (int64_t i = 0; i < n; ++i)
    t.data<int32_t>()[i] =
        static_cast<int32_t>(random.below(static_cast<uint64_t>(i), static_cast<uint64_t>(below)));
  return t;
}

std::vector<float> values_of(const Tensor& t) {
  std::vector<float> v(static_cast<size_t>(t.numel()));
  for (size_t i = 0; i < v.size(); ++i)
    v[i] = t.dtype() == DType::kF32 ? t.data<float>()[i] : to_float(t.data<BF16>()[i]);
  return v;
}

void expect_near(const Tensor& a, const Tensor& b, float tolerance, const std::string& what) {
  ASSERT_EQ(a.shape(), b.shape()) << what;
  const auto va = values_of(a), vb = values_of(b);
  float worst = 0, largest = 0;
  for (size_t i = 0; i < va.size(); ++i) {
    ASSERT_TRUE(std::isfinite(va[i])) << what << " element " << i;
    worst = std::max(worst, std::abs(va[i] - vb[i]));
    largest = std::max(largest, std::abs(vb[i]));
  }
  EXPECT_LE(worst, tolerance * largest) << what << ": largest value " << largest;
}

void expect_same_bits(const Tensor& a, const Tensor& b, const std::string& what) {
  ASSERT_EQ(a.shape(), b.shape()) << what;
  ASSERT_EQ(a.dtype(), b.dtype()) << what;
  const size_t size = size_of(a.dtype());
  for (int64_t i = 0; i < a.numel(); ++i) {
    const auto offset = static_cast<size_t>(i) * size;
    ASSERT_EQ(std::memcmp(static_cast<const std::byte*>(a.raw()) + offset,
                          static_cast<const std::byte*>(b.raw()) + offset, size),
              0)
        << what << ": first difference at element " << i << " of " << a.shape().str();
  }
}

void check_operator(const OperatorCase& c) {
  if (c.check_differences) check_differences(c);
  for (DType type : kFloats) {
    Bench reference(1, KernelChoice::kReference);
    const std::vector<Tensor> inputs = make_inputs(c, reference.memory, type);
    const Outcome want = run(c, reference.exec, inputs);
    const float tolerance = type == DType::kF32 ? c.f32_tolerance : c.bf16_tolerance;
    for (const Candidate& candidate : reference.dispatch.available(Device::kCpu, c.op, type)) {
      const std::string what =
          c.name + " " + std::string(to_string(type)) + " " + std::string(candidate.name);
      std::vector<Outcome> got;
      for (int threads : {1, 2, 3}) {
        Bench bench(threads);
        bench.dispatch.force(c.op, candidate.name);
        got.push_back(run(c, bench.exec, inputs));
      }
      expect_near(got[0].y, want.y, tolerance, what + " value");
      for (size_t i = 0; i < inputs.size(); ++i)
        expect_near(got[0].grads[i], want.grads[i], tolerance, what + " gradient " + std::to_string(i));
      for (size_t t = 1; t < got.size(); ++t) {
        expect_same_bits(got[t].y, got[0].y, what + " over threads");
        for (size_t i = 0; i < inputs.size(); ++i)
          expect_same_bits(got[t].grads[i], got[0].grads[i],
                           what + " gradient " + std::to_string(i) + " over threads");
      }
      if (testing::Test::HasFailure()) return;
    }
  }
}

void check_rows(int64_t rows, const std::function<Tensor(int64_t, int64_t)>& run) {
  const Tensor all = run(0, rows);
  for (const int64_t width : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{17}, int64_t{64}, rows - 1}) {
    if (width < 1 || width > rows) continue;
    for (const int64_t begin : {int64_t{0}, (rows - width) / 2, rows - width})
      expect_same_bits(run(begin, begin + width), all.rows(begin, begin + width),
                       "rows " + std::to_string(begin) + " to " + std::to_string(begin + width));
  }
}

}  // namespace leam::tensor::test
