#include "engine/tensor/ops/case.h"

namespace leam::tensor::test {

TEST(Add, Case) {
  for (const Shape& shape : {Shape{1, 1}, Shape{7, 13}, Shape{65, 384}}) {
    check_operator({.op = OpId::add,
                    .name = "add" + shape.str(),
                    .inputs = {{shape}, {shape}},
                    .apply = [](Tape& t, const std::vector<Var>& in) { return add(t, in[0], in[1]); }});
  }
}

TEST(Add, OneTensorTwice) {
  check_operator({.op = OpId::add,
                  .name = "add x x",
                  .inputs = {{{5, 9}}},
                  .apply = [](Tape& t, const std::vector<Var>& in) { return add(t, in[0], in[0]); }});
}

}  // namespace leam::tensor::test
