// The vector code on the instruction sets below this machine's best one: still near the reference, and
// with the same promises.
#include <hwy/highway.h>
#include "engine/tensor/cpu/targets.h"

#include "engine/tensor/cpu/elementwise.h"
#include "engine/tensor/cpu/vector_target.h"
#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {
namespace {

class Targets : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    if ((hwy::SupportedTargets() & GetParam()) == 0) GTEST_SKIP() << "not on this machine";
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().DeInit();
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
};

TEST_P(Targets, OperatorsKeepTheirPromises) {
  EXPECT_EQ(cpu::vector_target(), hwy::TargetName(GetParam()));
  Memory memory;
  const Tensor ids = random_ids(memory, 70, 50, 1), starts = Tensor::zeros(memory, {70}, DType::kI32);
  using Vars = std::vector<Var>;
  check_operator({.op = OpId::swiglu,
                  .name = "swiglu",
                  .inputs = {{{70, 37}, 3.0f}, {{70, 37}}},
                  .apply = [](Tape& t, const Vars& in) { return swiglu(t, in[0], in[1]); }});
  check_operator({.op = OpId::rms_norm,
                  .name = "rms_norm",
                  .inputs = {{{70, 37}}, {.shape = {37}, .parameter = true, .always_f32 = true}},
                  .apply = [](Tape& t, const Vars& in) { return rms_norm(t, in[0], in[1], 1e-5f); }});
  check_operator(
      {.op = OpId::rope, .name = "rope", .inputs = {{{70, 36}}}, .apply = [&](Tape& t, const Vars& in) {
         return rope(t, in[0], ids, 2, 1e4f);
       }});
  check_operator({.op = OpId::embedding,
                  .name = "embedding",
                  .inputs = {{.shape = {50, 19}, .parameter = true}},
                  .apply = [&](Tape& t, const Vars& in) { return embedding(t, in[0], ids); }});
  check_operator({.op = OpId::attention,
                  .name = "attention",
                  .inputs = {{{70, 40}}, {{70, 20}}, {{70, 20}}},
                  .apply = [&](Tape& t, const Vars& in) {
                    return attention(t, in[0], in[1], in[2], starts, {70, 2, 1, 20});
                  }});
  check_operator({.op = OpId::classifier,
                  .name = "classifier",
                  .inputs = {{{70, 19}}, {.shape = {530, 19}, .scale = 0.5f, .parameter = true}},
                  .apply = [&](Tape& t, const Vars& in) { return classifier_loss(t, in[0], in[1], ids); },
                  .bf16_tolerance = 3e-2f,
                  .check_differences = false});
  check_operator({.op = OpId::linear,
                  .name = "linear",
                  .inputs = {{{70, 37}}, {.shape = {65, 37}, .parameter = true}},
                  .apply = [](Tape& t, const Vars& in) { return linear(t, in[0], in[1]); },
                  .check_differences = false});
}

#if HWY_ARCH_X86
INSTANTIATE_TEST_SUITE_P(Below, Targets, testing::Values(HWY_AVX2, HWY_SCALAR));
#else
INSTANTIATE_TEST_SUITE_P(Below, Targets, testing::Values(HWY_SCALAR));
#endif

}  // namespace
}  // namespace leam::tensor::test
