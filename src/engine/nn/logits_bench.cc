// Logits for comparison with another implementation (tests/peers/hf_logits.py), and the time they take.
//   engine_nn_bench DIR IDS f32|bf16 OUT
// IDS holds one sequence of ids a line; OUT receives the logits of all their rows in order, (rows, V) f32.
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/nn/decoder.h"
#include "engine/tensor/dispatch.h"

namespace {

using namespace leam;

Result<void> run(Env& env, const std::vector<std::string>& args) {
  ThreadPool pool;
  tensor::Memory memory;
  const tensor::Dispatch dispatch;
  const tensor::Exec exec{pool, memory, dispatch};
  const auto model = LEAM_TRY(
      nn::Decoder::load(env, exec, args[0], args[2] == "bf16" ? tensor::DType::kBF16 : tensor::DType::kF32));
  auto out = LEAM_TRY(env.create(args[3]));
  std::istringstream lines(LEAM_TRY(env.read_file(args[1])));
  int64_t rows = 0, nanoseconds = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<int32_t> ids;
    for (int32_t id = 0; words >> id;) ids.push_back(id);
    if (ids.empty()) continue;
    nn::KvSlot slot = model->make_slot(memory, static_cast<int64_t>(ids.size()));
    const nn::Chunk chunk{ids, 0, &slot, nn::Want::kAll};
    const int64_t began = env.monotonic_ns();
    const tensor::Tensor z = model->logits(exec, {&chunk, 1});
    nanoseconds += env.monotonic_ns() - began;
    rows += static_cast<int64_t>(ids.size());
    LEAM_TRY(out->write({static_cast<const char*>(z.raw()), z.bytes()}));
  }
  std::printf("rows=%lld tokens_per_second=%.1f\n", static_cast<long long>(rows),
              static_cast<double>(rows) / (static_cast<double>(nanoseconds) * 1e-9));
  return out->close();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 4) {
    std::fprintf(stderr, "usage: engine_nn_bench DIR IDS f32|bf16 OUT\n");
    return 2;
  }
  const auto env = leam::Env::real();
  const auto r = run(*env, args);
  if (r.ok()) return 0;
  std::fprintf(stderr, "%s\n", r.error().message().c_str());
  return 1;
}
