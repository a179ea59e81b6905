#include "engine/learn/optimizer.h"

#include <array>
#include <cmath>

#include "engine/learn/gradient.h"
#include "engine/learn/learn_test_support.h"

namespace leam::learn {
namespace {

using test::Machinery;

// torch.optim.AdamW (PyTorch 2.13), lr 0.01, betas 0.9/0.95, eps 1e-8, weight_decay 0.1, three steps.
TEST(Optimizer, AdamWIsPyTorchs) {
  Machinery m;
  Parameters p(m.exec, test::tiny_config().model, tensor::DType::kF32);
  Optimizer o(p, {}, m.exec);
  const FlatParameter& matrix = p.list()[2];
  ASSERT_EQ(matrix.spec.kind, nn::ParameterKind::kMatrix);
  const std::array<float, 4> start = {0.5F, -1.25F, 2.0F, 0.001F};
  const std::array<std::array<float, 4>, 3> gradients = {
      {{0.1F, -0.2F, 0.3F, 0.0F}, {0.5F, 0.2F, -0.3F, 1e-4F}, {-1.0F, 0.0F, 0.25F, 2.0F}}};
  const std::array<double, 4> want = {0.4826357066631317, -1.2372117042541504, 1.9816491603851318,
                                      -0.012576732784509659};
  for (size_t i = 0; i < 4; ++i) p.master()[matrix.begin + static_cast<int64_t>(i)] = start[i];
  tensor::Tensor g = p.zeros(m.memory);
  for (size_t step = 0; step < 3; ++step) {
    // Given at twice the size and scaled back, as clipping does.
    for (size_t i = 0; i < 4; ++i)
      g.data<float>()[matrix.begin + static_cast<int64_t>(i)] = 2 * gradients[step][i];
    o.step(static_cast<int64_t>(step), 0.01, 0.5, g);
  }
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(double{p.master()[matrix.begin + static_cast<int64_t>(i)]}, want[i], 2e-7) << i;
}

TEST(Optimizer, DecaysMatricesOnly) {
  Machinery m;
  Parameters p(m.exec, test::tiny_config().model, tensor::DType::kBF16);
  for (const FlatParameter& f : p.list()) {
    for (int64_t i = f.begin; i < f.begin + f.size; ++i) p.master()[i] = 1.0F;
  }
  Optimizer o(p, {}, m.exec);
  o.step(0, 0.1, 1.0, p.zeros(m.memory));
  for (const FlatParameter& f : p.list()) {
    const float want = f.spec.kind == nn::ParameterKind::kMatrix ? 0.99F : 1.0F;
    EXPECT_FLOAT_EQ(p.master()[f.begin], want) << f.spec.name;
    EXPECT_FLOAT_EQ(p.master()[f.begin + f.size - 1], want) << f.spec.name;
    EXPECT_EQ(p.copy()[f.begin].bits, tensor::to_bf16(want).bits) << f.spec.name;
  }
}

// A matrix moves along the nearly orthogonal factor of its gradient: U·Vᵀ has the gradient's singular
// vectors and singular values around 1.
TEST(Optimizer, MuonMovesAllDirectionsAlike) {
  Machinery m;
  Parameters p(m.exec, test::tiny_config().model, tensor::DType::kF32);
  OptimizerConfig config;
  config.kind = OptimizerKind::kMuon;
  config.weight_decay = 0;
  Optimizer o(p, config, m.exec);
  for (const size_t index : {size_t{3}, size_t{7}, size_t{9}}) {  // k (16,32), gate (48,32), down (32,48)
    const FlatParameter& f = p.list()[index];
    const int64_t rows = f.spec.shape[0], cols = f.spec.shape[1];
    tensor::Tensor g = p.zeros(m.memory);
    // A gradient whose first direction is a hundred times the others.
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        g.data<float>()[f.begin + r * cols + c] = (r == c ? 0.01F : 0.0F) + (r == 0 && c == 0 ? 0.99F : 0.0F);
      }
    }
    for (int64_t i = f.begin; i < f.begin + f.size; ++i) p.master()[i] = 0;
    o.step(0, 1.0, 1.0, g);
    const double unit = 0.2 * std::sqrt(static_cast<double>(std::max(rows, cols)));
    for (int64_t i = 0; i < std::min(rows, cols); ++i) {
      const double moved = -double{p.master()[f.begin + i * cols + i]} / unit;
      EXPECT_GT(moved, 0.3) << f.spec.name << " " << i;
      EXPECT_LT(moved, 1.4) << f.spec.name << " " << i;
    }
  }
}

TEST(GradientTree, SumsInOneShape) {
  Machinery m;
  Parameters p(m.exec, test::tiny_config().model, tensor::DType::kF32);
  // Values for which the order of additions shows.
  const auto leaf = [](int i) { return 1.0F / static_cast<float>(3 + i * i); };
  GradientTree tree(p, m.exec);
  for (const int n : {1, 2, 3, 4, 7, 8}) {
    for (int i = 0; i < n; ++i) {
      tree.next().data<float>()[5] += leaf(i);
      tree.push();
    }
    std::vector<float> stack;
    for (int i = 0; i < n; ++i) {
      stack.push_back(leaf(i));
      for (int k = i + 1; k % 2 == 0; k /= 2) {
        const float right = stack.back();
        stack.pop_back();
        stack.back() += right;
      }
    }
    while (stack.size() > 1) {
      const float right = stack.back();
      stack.pop_back();
      stack.back() += right;
    }
    EXPECT_EQ(tree.sum().data<float>()[5], stack[0]) << n;
    tree.reset();
  }
  EXPECT_EQ(GradientTree::buffers(1), 1);
  EXPECT_EQ(GradientTree::buffers(8), 4);
}

}  // namespace
}  // namespace leam::learn
