#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {
namespace {

// Documents of uneven lengths in sequences of T rows.
Tensor random_starts(Memory& memory, int64_t B, int64_t T, int64_t longest) {
  Tensor starts = Tensor::empty(memory, {B * T}, DType::kI32);
  const Tensor lengths = random_ids(memory, B * T, static_cast<int32_t>(longest), 11);
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0, begin = 0, end = 0; t < T; ++t) {
      if (t == end) {
        begin = t;
        end = t + 1 + lengths.data<int32_t>()[b * T + t];
      }
      starts.data<int32_t>()[b * T + t] = static_cast<int32_t>(begin);
    }
  return starts;
}

struct Form {
  int64_t B, T;
  int H, Hkv;
  int64_t D, longest;
};
const Form kForms[] = {{1, 1, 1, 1, 1, 1},      {2, 5, 2, 1, 3, 3},     {1, 40, 4, 2, 16, 100},
                       {2, 150, 2, 2, 64, 300}, {2, 200, 6, 2, 32, 90}, {1, 330, 2, 1, 80, 400}};

}  // namespace

TEST(Attention, Case) {
  Memory memory;
  for (const Form& f : kForms) {
    const Tensor starts = random_starts(memory, f.B, f.T, f.longest);
    const int64_t N = f.B * f.T;
    const AttentionShape shape{f.T, f.H, f.Hkv, f.D};
    check_operator({.op = OpId::attention,
                    .name = "attention T " + std::to_string(f.T) + " D " + std::to_string(f.D),
                    .inputs = {{{N, f.H * f.D}}, {{N, f.Hkv * f.D}}, {{N, f.Hkv * f.D}}},
                    .apply =
                        [&](Tape& t, const std::vector<Var>& in) {
                          return attention(t, in[0], in[1], in[2], starts, shape);
                        },
                    .check_differences = N < 100});
  }
}

// A sequence in training, prefilled whole, in uneven pieces beside another sequence, and decoded row by
// row has the same bits in every row.
TEST(Attention, CachedRowsAreTrainingRows) {
  for (DType type : kFloats)
    for (const Form& f : kForms) {
      Bench bench(2);
      const AttentionShape shape{f.T, f.H, f.Hkv, f.D};
      const int64_t T = f.T;
      const Tensor q = random_tensor(bench.memory, {T, f.H * f.D}, type, 1);
      const Tensor k = random_tensor(bench.memory, {T, f.Hkv * f.D}, type, 2);
      const Tensor v = random_tensor(bench.memory, {T, f.Hkv * f.D}, type, 3);
      const Tensor starts = Tensor::zeros(bench.memory, {T}, DType::kI32);
      Tape tape(bench.exec, false);
      const Tensor want =
          attention(tape, tape.constant(q), tape.constant(k), tape.constant(v), starts, shape).value();
      expect_same_bits(attention_cached(bench.exec, q, {{0, T, 0, k, v}}, shape), want, "prefill at once");
      for (int64_t t = 0; t < T; ++t) {
        if (t > 20 && t % 17 != 0 && t != T - 1) continue;
        expect_same_bits(attention_cached(bench.exec, q.rows(t, t + 1), {{0, 1, t, k, v}}, shape),
                         want.rows(t, t + 1), "decoded row " + std::to_string(t));
      }
      if (T < 4) continue;
      const int64_t a = T / 3, b = T / 2;
      const Tensor pieces =
          attention_cached(bench.exec, q, {{0, a, 0, k, v}, {a, b - a, a, k, v}, {b, T - b, b, k, v}}, shape);
      expect_same_bits(pieces, want, "prefill in pieces");
    }
}

// A document's rows do not depend on where in a sequence it lies nor on its neighbours.
TEST(Attention, DocumentsStandAlone) {
  for (DType type : kFloats) {
    Bench bench(2);
    const int64_t T = 190, from = 53, to = 150;
    const AttentionShape shape{T, 4, 2, 32}, alone{to - from, 4, 2, 32};
    const Tensor q = random_tensor(bench.memory, {T, 128}, type, 1);
    const Tensor k = random_tensor(bench.memory, {T, 64}, type, 2),
                 v = random_tensor(bench.memory, {T, 64}, type, 3);
    Tensor starts = Tensor::zeros(bench.memory, {T}, DType::kI32);
    for (int64_t t = from; t < T; ++t) starts.data<int32_t>()[t] = static_cast<int32_t>(t < to ? from : to);
    Tape tape(bench.exec, false);
    const auto run = [&](int64_t begin, int64_t end, const Tensor& s, const AttentionShape& form) {
      return attention(tape, tape.constant(q.rows(begin, end)), tape.constant(k.rows(begin, end)),
                       tape.constant(v.rows(begin, end)), s, form)
          .value();
    };
    expect_same_bits(run(from, to, Tensor::zeros(bench.memory, {to - from}, DType::kI32), alone),
                     run(0, T, starts, shape).rows(from, to), "a document alone");
  }
}

}  // namespace leam::tensor::test
