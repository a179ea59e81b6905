#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

TEST(Embedding, Case) {
  Memory memory;
  for (const int64_t C : {1, 13, 384})
    for (const int64_t N : {1, 100, 500}) {
      const Tensor ids = random_ids(memory, N, 37, static_cast<uint64_t>(N));
      check_operator(
          {.op = OpId::embedding,
           .name = "embedding",
           .inputs = {{.shape = {37, C}, .parameter = true}},
           .apply = [&](Tape& t, const std::vector<Var>& in) { return embedding(t, in[0], ids); }});
    }
}

TEST(Embedding, RejectsIdsOutsideOfTheTable) {
  Bench bench;
  const int32_t ids[] = {0, 5};
  Tape tape(bench.exec, false);
  const Var table = tape.constant(random_tensor(bench.memory, {5, 4}, DType::kF32, 1));
  EXPECT_THROW(embedding(tape, table, Tensor::of(bench.memory, {2}, ids)), BugError);
}

}  // namespace leam::tensor::test
