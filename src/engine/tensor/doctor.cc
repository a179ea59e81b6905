#include "engine/tensor/doctor.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>

#include "engine/tensor/cpu/gemm.h"
#include "engine/tensor/cpu/products.h"
#include "engine/tensor/cpu/vector_target.h"
#include "engine/tensor/dispatch.h"

namespace leam::tensor {
namespace {

double best_seconds(double for_seconds, const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point t) {
    return std::chrono::duration<double>(Clock::now() - t).count();
  };
  double best = 1e30;
  const auto start = Clock::now();
  do {
    const auto one = Clock::now();
    call();
    best = std::min(best, since(one));
  } while (since(start) < for_seconds);
  return best;
}

double round1(double x) {
  return static_cast<double>(static_cast<int64_t>(x * 10 + 0.5)) / 10;
}

json::object products_of(const Exec& exec, DType type) {
  constexpr int64_t kN = 4096, kI = 384, kO = 1024;
  const Tensor x = Tensor::zeros(exec.memory, {kN, kI}, type), w = Tensor::zeros(exec.memory, {kO, kI}, type);
  const Tensor y = Tensor::empty(exec.memory, {kN, kO}, type);
  const double flops = 2.0 * kN * kI * kO;
  const double ours = best_seconds(0.4, [&] {
    const auto b = cpu::RightFactor::pack(exec, cpu::matrix_of(w), true);
    cpu::multiply(exec, x.raw(), type, kN, b, y.raw(), type, false);
  });
  const double plain =
      cpu::plain_product_seconds({kN, kO, kI, type, type, false}, false, true, exec.pool.threads(), 0.3);
  return {{"dtype", to_string(type)},
          {"shape", "4096x1024x384"},
          {"gflops", round1(flops / ours / 1e9)},
          {"plain_gflops", round1(flops / plain / 1e9)}};
}

// Copies a large array: bytes read and written in a second.
double bandwidth(const Exec& exec) {
  constexpr int64_t kFloats = int64_t{32} << 20;
  const Tensor from = Tensor::zeros(exec.memory, {kFloats}, DType::kF32);
  const Tensor to = Tensor::zeros(exec.memory, {kFloats}, DType::kF32);
  const double seconds = best_seconds(0.3, [&] {
    exec.pool.run_range(static_cast<size_t>(kFloats), size_t{1} << 20, [&](size_t begin, size_t end) {
      std::memcpy(to.data<float>() + begin, from.data<float>() + begin, (end - begin) * sizeof(float));
    });
  });
  return 2.0 * static_cast<double>(from.bytes()) / seconds / 1e9;
}

}  // namespace

json::object doctor(const Exec& exec) {
  const cpu::Products& products = exec.dispatch.products();
  json::array operators;
  for (size_t op = 0; op < kOperators; ++op)
    for (DType type : {DType::kF32, DType::kBF16}) {
      const Candidate& c = exec.dispatch.chosen(Device::kCpu, static_cast<OpId>(op), type);
      std::string instructions = "plain C++";
      if (c.name == "hwy") instructions = cpu::vector_target();
      if (c.name == "onednn")
        instructions =
            products.implementation(type == DType::kBF16 && !products.has_bf16() ? DType::kF32 : type);
      operators.push_back(json::object{{"operator", to_string(static_cast<OpId>(op))},
                                       {"dtype", to_string(type)},
                                       {"kernel", c.name},
                                       {"instructions", instructions}});
    }
  json::array rates;
  rates.push_back(products_of(exec, DType::kF32));
  if (products.has_bf16()) rates.push_back(products_of(exec, DType::kBF16));
  return {{"library", products.library()},
          {"vector_target", cpu::vector_target()},
          {"bf16_products", products.has_bf16()},
          {"threads", exec.pool.threads()},
          {"operators", std::move(operators)},
          {"products", std::move(rates)},
          {"memory_gb_per_s", round1(bandwidth(exec))}};
}

}  // namespace leam::tensor
