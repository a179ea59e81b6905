// Times every operator at the shapes of the 17 M model (d 384, 6 layers, 6 heads, FFN 1024, tied
// vocabulary 16384, context 256, batch 16) and a whole forward and backward pass of it, and sets the
// products against what oneDNN alone reaches on them.
//
//   engine_tensor_bench [--threads N] [--dtype bf16|f32] [--seconds S] [--clock wall|cpu] [--only
//   step|OPERATOR]
#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "base/core/rng.h"
#include "engine/tensor/cpu/elementwise.h"
#include "engine/tensor/cpu/products.h"
#include "engine/tensor/dispatch.h"
#include "engine/tensor/ops/ops.h"

namespace leam::tensor {
namespace {

constexpr int64_t kC = 384, kLayers = 6, kHeads = 6, kF = 1024, kV = 16384, kT = 256, kB = 16, kN = kB * kT;
constexpr int64_t kD = kC / kHeads;

// Set by --cpu: count processor time, which other programs on the machine disturb less. With one thread
// both clocks agree on an idle machine.
bool g_cpu_clock = false;

double now() {
  if (g_cpu_clock) {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Settings {
  int threads = 0;
  DType dtype = DType::kBF16;
  double seconds = 1.0;
  std::string only;  // for a profiler: "step" or an operator
};

// Best time of one call, after one to warm up.
double time_of(double seconds, const std::function<void()>& call) {
  call();
  double best = 1e30;
  for (const double start = now(); now() - start < seconds;) {
    const double one = now();
    call();
    best = std::min(best, now() - one);
  }
  return best;
}

class Model {
 public:
  Model(const Exec& exec, DType type) : exec_(exec) {
    Memory& memory = exec.memory;
    uint64_t salt = 0;
    const auto weight = [&](int64_t rows, int64_t cols) {
      const Tensor t = Tensor::empty(memory, {rows, cols}, DType::kF32);
      const Stream random(1, purpose("bench"), ++salt);
      for (int64_t i = 0; i < t.numel(); ++i)
        t.data<float>()[i] = 0.03f * random.normal(static_cast<uint64_t>(i));
      return add_parameter(t.to(memory, type));
    };
    table_ = weight(kV, kC);
    for (int64_t l = 0; l < kLayers; ++l)
      for (const auto& [o, i] :
           {std::pair{kC, kC}, {kC, kC}, {kC, kC}, {kC, kC}, {kF, kC}, {kF, kC}, {kC, kF}})
        weight(o, i);
    ones_ = Tensor::empty(memory, {kC}, DType::kF32);
    std::fill_n(ones_.data<float>(), kC, 1.0f);
    ones_grad_ = Tensor::zeros(memory, {kC}, DType::kF32);
    ids_ = Tensor::empty(memory, {kN}, DType::kI32);
    positions_ = Tensor::empty(memory, {kN}, DType::kI32);
    starts_ = Tensor::zeros(memory, {kN}, DType::kI32);
    const Stream random(2, purpose("bench ids"));
    for (int64_t n = 0; n < kN; ++n) {
      ids_.data<int32_t>()[n] = static_cast<int32_t>(random.below(static_cast<uint64_t>(n), kV));
      positions_.data<int32_t>()[n] = static_cast<int32_t>(n % kT);
    }
  }

  float step() {
    Tape tape(exec_, true);
    size_t next = 0;
    const auto parameter = [&] {
      const size_t i = next++;
      return tape.leaf(values_[i], &grads_[i]);
    };
    const auto gain = [&] { return tape.leaf(ones_, &ones_grad_); };
    const Var table = parameter();
    const AttentionShape shape{kT, kHeads, kHeads, kD};
    Var x = embedding(tape, table, ids_);
    for (int64_t l = 0; l < kLayers; ++l) {
      const Var h = rms_norm(tape, x, gain(), 1e-5f);
      const Var q = rope(tape, linear(tape, h, parameter()), positions_, kHeads, 1e4f);
      const Var k = rope(tape, linear(tape, h, parameter()), positions_, kHeads, 1e4f);
      const Var v = linear(tape, h, parameter());
      x = add(tape, x, linear(tape, attention(tape, q, k, v, starts_, shape), parameter()));
      const Var g = rms_norm(tape, x, gain(), 1e-5f);
      const Var gate = linear(tape, g, parameter()), up = linear(tape, g, parameter());
      x = add(tape, x, linear(tape, swiglu(tape, gate, up), parameter()));
    }
    const Var loss = classifier_loss(tape, rms_norm(tape, x, gain(), 1e-5f), table, ids_);
    tape.backward(loss, 1.0f / static_cast<float>(kN));
    return loss.value().data<float>()[0] / static_cast<float>(kN);
  }

 private:
  size_t add_parameter(Tensor value) {
    grads_.push_back(Tensor::zeros(exec_.memory, value.shape(), DType::kF32));
    values_.push_back(std::move(value));
    return values_.size() - 1;
  }
  const Exec& exec_;
  std::vector<Tensor> values_, grads_;
  size_t table_ = 0;
  Tensor ones_, ones_grad_, ids_, positions_, starts_;
};

// One operator on fresh inputs: seconds of the forward and of the backward pass.
struct OpTime {
  double forward = 1e30, backward = 1e30;
};
struct OpInput {
  Tensor value;
  bool activation = true;
};
OpTime time_op(const Exec& exec, double seconds, std::vector<OpInput> inputs,
               const std::function<Var(Tape&, const std::vector<Var>&)>& op) {
  OpTime best;
  std::vector<Tensor> grads;
  for (const OpInput& in : inputs) grads.push_back(Tensor::zeros(exec.memory, in.value.shape(), DType::kF32));
  int rounds = 0;
  for (const double start = now(); now() - start < seconds || rounds < 3; ++rounds) {
    Tape tape(exec, true);
    std::vector<Var> vars;
    for (size_t i = 0; i < inputs.size(); ++i) {
      Var leaf = tape.leaf(inputs[i].value, &grads[i]);
      // An activation: its gradient ends in a node that drops it.
      if (inputs[i].activation) leaf = tape.emit(inputs[i].value, {leaf}, [](const Tensor&, GradSink&) {});
      vars.push_back(leaf);
    }
    double one = now();
    const Var y = op(tape, vars);
    best.forward = std::min(best.forward, now() - one);
    const float zero = 0;
    const Tensor dy = y.value().to(exec.memory, y.value().dtype());
    const Var sum = y.value().numel() == 1
                        ? y
                        : tape.emit(Tensor::of(exec.memory, {1}, std::span<const float>(&zero, 1)), {y},
                                    [dy](const Tensor&, GradSink& sink) { sink.take(0, dy); });
    one = now();
    tape.backward(sum);
    best.backward = std::min(best.backward, now() - one);
  }
  return best;
}

int bench(const Settings& s) {
  ThreadPool pool(s.threads);
  Memory memory;
  const auto choice = kernel_choice(std::getenv("LEAM_KERNEL"));
  if (!choice) {
    fmt::print("{}\n", choice.error().message());
    return 2;
  }
  const Dispatch dispatch(*choice);
  const Exec exec{pool, memory, dispatch};
  const int threads = pool.threads();
  fmt::print("{} threads, {}, {} {}\n\n", threads, to_string(s.dtype), dispatch.products().library(),
             dispatch.products().implementation(
                 s.dtype == DType::kBF16 && !dispatch.products().has_bf16() ? DType::kF32 : s.dtype));

  if (s.only == "step") {
    Model model(exec, s.dtype);
    float loss = 0;
    const double step = time_of(s.seconds, [&] { loss = model.step(); });
    fmt::print("forward + backward: {:.1f} ms, loss {:.6f}\n", step * 1e3, static_cast<double>(loss));
    return 0;
  }

  const auto wanted = [&](std::string_view name) { return s.only.empty() || name.starts_with(s.only); };
  // The products of one step by oneDNN alone.
  struct Plain {
    std::string name;
    int64_t O, I, count;
  };
  const Plain plain[] = {{"q k v o", kC, kC, 4 * kLayers},
                         {"gate up", kF, kC, 2 * kLayers},
                         {"down", kC, kF, kLayers},
                         {"classifier", kV, kC, 1}};
  const DType in = s.dtype == DType::kBF16 && !dispatch.products().has_bf16() ? DType::kF32 : s.dtype;
  double plain_seconds = 0, flops = 0;
  std::map<std::string, std::array<double, 3>> plain_rate;
  fmt::print("{:<12} {:>12} {:>12} {:>12}   GFLOP/s of oneDNN alone\n", "", "y", "dx", "dw");
  for (const Plain& p : plain) {
    const double f = 2.0 * kN * static_cast<double>(p.O * p.I);
    if (!s.only.empty()) break;
    const double y = cpu::plain_product_seconds({kN, p.O, p.I, in, in}, false, true, threads, s.seconds / 4);
    const double dx =
        cpu::plain_product_seconds({kN, p.I, p.O, in, in}, false, false, threads, s.seconds / 4);
    const double dw = cpu::plain_product_seconds({p.O, p.I, kN, in, DType::kF32, true}, true, false, threads,
                                                 s.seconds / 4);
    plain_seconds += static_cast<double>(p.count) * (y + dx + dw);
    flops += 3 * static_cast<double>(p.count) * f;
    plain_rate[p.name] = {f / y / 1e9, f / dx / 1e9, f / dw / 1e9};
    fmt::print("{:<12} {:>12.0f} {:>12.0f} {:>12.0f}\n", p.name, f / y / 1e9, f / dx / 1e9, f / dw / 1e9);
  }
  const double plain_all = flops / plain_seconds / 1e9;
  fmt::print("{:<12} {:>12.0f} GFLOP/s over all, {:.1f} ms a step\n\n", "together", plain_all,
             plain_seconds * 1e3);

  uint64_t salt = 100;
  const auto tensor = [&](int64_t rows, int64_t cols, float scale = 1.0f) {
    const Tensor t = Tensor::empty(memory, {rows, cols}, DType::kF32);
    const Stream random(3, purpose("bench"), ++salt);
    for (int64_t i = 0; i < t.numel(); ++i)
      t.data<float>()[i] = scale * random.normal(static_cast<uint64_t>(i));
    return t.to(memory, s.dtype);
  };
  Tensor ids = Tensor::empty(memory, {kN}, DType::kI32), positions = Tensor::empty(memory, {kN}, DType::kI32);
  const Tensor starts = Tensor::zeros(memory, {kN}, DType::kI32);
  for (int64_t n = 0; n < kN; ++n) {
    ids.data<int32_t>()[n] = static_cast<int32_t>((n * 7919) % kV);
    positions.data<int32_t>()[n] = static_cast<int32_t>(n % kT);
  }
  Tensor gain = Tensor::empty(memory, {kC}, DType::kF32);
  std::fill_n(gain.data<float>(), kC, 1.0f);

  double total = 0;
  fmt::print("{:<18} {:>5} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "operator", "times", "fwd ms", "bwd ms",
             "step ms", "GFLOP/s", "of plain");
  const auto report = [&](const std::string& name, int64_t times, OpTime t, double forward_flops,
                          double backward_flops) {
    const double all = static_cast<double>(times) * (t.forward + t.backward);
    total += all;
    const double rate = (forward_flops + backward_flops) / (t.forward + t.backward) / 1e9;
    fmt::print("{:<18} {:>5} {:>10.3f} {:>10.3f} {:>10.2f} {:>10} {:>10}\n", name, times, t.forward * 1e3,
               t.backward * 1e3, all * 1e3, forward_flops > 0 ? fmt::format("{:.0f}", rate) : "",
               forward_flops > 0 ? fmt::format("{:.0f} %", 100 * rate / plain_all) : "");
  };
  const auto linear_op = [](Tape& t, const std::vector<Var>& v) { return linear(t, v[0], v[1]); };
  for (const Plain& p : plain) {
    if (p.name == "classifier" || !wanted("linear")) continue;
    const double f = 2.0 * kN * static_cast<double>(p.O * p.I);
    report("linear " + p.name, p.count,
           time_op(exec, s.seconds, {{tensor(kN, p.I)}, {tensor(p.O, p.I, 0.05f), false}}, linear_op), f,
           2 * f);
  }
  const double f = 2.0 * kN * static_cast<double>(kV * kC);
  if (wanted("classifier"))
    report("classifier", 1,
           time_op(exec, s.seconds, {{tensor(kN, kC)}, {tensor(kV, kC, 0.05f), false}},
                   [&](Tape& t, const std::vector<Var>& v) { return classifier_loss(t, v[0], v[1], ids); }),
           f, 2 * f);
  const double a = 2.0 * 2.0 * kB * kHeads * kD * kT * (kT + 1) / 2;
  if (wanted("attention"))
    report("attention", kLayers,
           time_op(exec, s.seconds, {{tensor(kN, kC)}, {tensor(kN, kC)}, {tensor(kN, kC)}},
                   [&](Tape& t, const std::vector<Var>& v) {
                     return attention(t, v[0], v[1], v[2], starts, {kT, kHeads, kHeads, kD});
                   }),
           a, 2.5 * a);
  if (wanted("rope"))
    report(
        "rope", 2 * kLayers,
        time_op(exec, s.seconds, {{tensor(kN, kC)}},
                [&](Tape& t, const std::vector<Var>& v) { return rope(t, v[0], positions, kHeads, 1e4f); }),
        0, 0);
  if (wanted("rms_norm"))
    report("rms_norm", 2 * kLayers + 1,
           time_op(exec, s.seconds, {{tensor(kN, kC)}, {gain, false}},
                   [&](Tape& t, const std::vector<Var>& v) { return rms_norm(t, v[0], v[1], 1e-5f); }),
           0, 0);
  if (wanted("swiglu"))
    report("swiglu", kLayers,
           time_op(exec, s.seconds, {{tensor(kN, kF)}, {tensor(kN, kF)}},
                   [&](Tape& t, const std::vector<Var>& v) { return swiglu(t, v[0], v[1]); }),
           0, 0);
  if (wanted("add"))
    report("add", 2 * kLayers,
           time_op(exec, s.seconds, {{tensor(kN, kC)}, {tensor(kN, kC)}},
                   [&](Tape& t, const std::vector<Var>& v) { return add(t, v[0], v[1]); }),
           0, 0);
  if (wanted("embedding"))
    report("embedding", 1,
           time_op(exec, s.seconds, {{tensor(kV, kC), false}},
                   [&](Tape& t, const std::vector<Var>& v) { return embedding(t, v[0], ids); }),
           0, 0);
  fmt::print("{:<18} {:>5} {:>10} {:>10} {:>10.2f}\n", "sum", "", "", "", total * 1e3);

  if (!s.only.empty()) return 0;
  // The optimiser and what a step does once to all parameters.
  const int64_t parameters = kV * kC + kLayers * (4 * kC * kC + 3 * kC * kF);
  Tensor w = Tensor::zeros(memory, {parameters}, DType::kF32),
         g = Tensor::zeros(memory, {parameters}, DType::kF32),
         m = Tensor::zeros(memory, {parameters}, DType::kF32),
         v = Tensor::zeros(memory, {parameters}, DType::kF32),
         copy = Tensor::zeros(memory, {parameters}, s.dtype);
  const double update = time_of(s.seconds, [&] { cpu::adamw(exec, {}, g, w, m, v, &copy); });
  const double norm = time_of(s.seconds, [&] { cpu::squared_norm(exec, g); });
  const double zero = time_of(s.seconds, [&] { cpu::fill_zero(exec, g); });
  fmt::print("{:<18} {:>38.2f}\n{:<18} {:>38.2f}\n{:<18} {:>38.2f}\n\n", "adamw", update * 1e3,
             "squared norm", norm * 1e3, "zero gradients", zero * 1e3);

  Model model(exec, s.dtype);
  float loss = 0;
  const double step = time_of(3 * s.seconds, [&] { loss = model.step(); });
  fmt::print(
      "forward + backward: {:.1f} ms, {:.0f} GFLOP/s in products = {:.0f} % of oneDNN alone, {:.0f} "
      "tokens/s, "
      "loss {:.6f}, peak memory {:.0f} MB\n",
      step * 1e3, flops / step / 1e9, 100 * plain_seconds / step, static_cast<double>(kN) / step,
      static_cast<double>(loss), static_cast<double>(memory.peak_bytes()) / 1e6);
  return 0;
}

}  // namespace
}  // namespace leam::tensor

int main(int argc, char** argv) {
  leam::tensor::Settings s;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--threads") == 0) s.threads = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--seconds") == 0) s.seconds = std::atof(argv[i + 1]);
    if (std::strcmp(argv[i], "--only") == 0) s.only = argv[i + 1];
    if (std::strcmp(argv[i], "--clock") == 0)
      leam::tensor::g_cpu_clock = std::strcmp(argv[i + 1], "cpu") == 0;
    if (std::strcmp(argv[i], "--dtype") == 0 && std::strcmp(argv[i + 1], "f32") == 0)
      s.dtype = leam::tensor::DType::kF32;
  }
  return leam::tensor::bench(s);
}
