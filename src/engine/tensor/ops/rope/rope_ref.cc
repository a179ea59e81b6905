#include <cmath>

#include "engine/tensor/ops/rope/rope_kernels.h"

namespace leam::tensor {
namespace {

template <class T>
void turn(const Exec&, const Tensor& x, const Tensor& positions, const RopeTurn& t, const GradOut& y) {
  const int64_t N = x.shape()[0], H = t.n_heads, D = x.shape()[1] / H, half = D / 2;
  const auto put = [&](int64_t i, float value) {
    T& slot = y.tensor.data<T>()[i];
    slot = from_float<T>(y.accumulate ? to_float(slot) + value : value);
  };
  for (int64_t n = 0; n < N; ++n)
    for (int64_t i = 0; i < half; ++i) {
      // Hugging Face rounds the frequency and the angle to f32; the long positions depend on it.
      const float frequency = 1.0f / std::pow(t.theta, static_cast<float>(2 * i) / static_cast<float>(D));
      const float angle = static_cast<float>(positions.data<int32_t>()[n]) * frequency;
      const auto cos = static_cast<float>(std::cos(static_cast<double>(angle)));
      const auto s = static_cast<float>(std::sin(static_cast<double>(angle)));
      const float sin = t.back ? -s : s;
      for (int64_t h = 0; h < H; ++h) {
        const int64_t at = (n * H + h) * D + i;
        const float a = to_float(x.data<T>()[at]), b = to_float(x.data<T>()[at + half]);
        put(at, a * cos - b * sin);
        put(at + half, b * cos + a * sin);
      }
    }
}

}  // namespace

const RopeKernels kRopeRefF32{turn<float>}, kRopeRefBF16{turn<BF16>};

}  // namespace leam::tensor
