// The program behind bench/train-17m.
//   engine_learn_bench tokens FILE                   writes the tokens both sides train on (u16)
//   engine_learn_bench train FILE STEPS THREADS      one line of key=value pairs
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/core/machine.h"
#include "base/core/rng.h"
#include "engine/learn/trainer.h"
#include "engine/tensor/dispatch.h"
#include "engine/tensor/ops/linear/linear.h"

namespace {

using namespace leam;

constexpr int64_t kVocab = 16384, kTokens = 1 << 20;

// Frequencies as in text: id r about as 1/(r+1).
int write_tokens(Env& env, const std::string& path) {
  const Stream draws(1, purpose("bench tokens"));
  std::string bytes;
  for (int64_t i = 0; i < kTokens; ++i) {
    const double u = static_cast<double>(draws.uniform(static_cast<uint64_t>(i)));
    const auto id = static_cast<uint32_t>(std::exp(u * std::log(double{kVocab}))) - 1;
    bytes += static_cast<char>(id & 0xff);
    bytes += static_cast<char>(id >> 8 & 0xff);
  }
  return env.write_atomic(path, bytes).ok() ? 0 : 1;
}

learn::TrainerConfig config() {
  learn::TrainerConfig t;
  t.model.vocab = kVocab, t.model.d_model = 384, t.model.n_layers = 6, t.model.n_heads = 6;
  t.model.n_kv_heads = 6, t.model.head_dim = 64, t.model.ffn = 1024, t.model.max_context = 256;
  const Machine m = this_machine();
  t.compute = m.avx512_bf16 || m.amx_bf16 ? tensor::DType::kBF16 : tensor::DType::kF32;
  return t;
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x[x.size() / 2];
}

// FLOP/s over the model's products alone: every matrix forward, both gradients, and the classifier's. One
// thread each on its own rows, by the same library, nothing else in between.
double ceiling(const learn::TrainerConfig& t, const tensor::Exec& exec, Env& env) {
  const int64_t N = t.batch * t.T;
  double flops = 0, seconds = 0;
  const auto timed = [&](int64_t rows, int64_t in, int64_t out, double times) {
    const tensor::Tensor x = tensor::Tensor::zeros(exec.memory, {rows, in}, t.compute);
    const tensor::Tensor w = tensor::Tensor::zeros(exec.memory, {out, in}, t.compute);
    tensor::Tape tape(exec, false);
    const auto once = [&] { return linear(tape, tape.constant(x), tape.constant(w)); };
    once();
    std::vector<double> took;
    for (int i = 0; i < 5; ++i) {
      const int64_t began = env.monotonic_ns();
      once();
      took.push_back(static_cast<double>(env.monotonic_ns() - began) * 1e-9);
    }
    flops += times * 2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
    seconds += times * median(took);
  };
  const auto layers = static_cast<double>(t.model.n_layers);
  const int64_t c = t.model.d_model, f = t.model.ffn, v = t.model.vocab;
  timed(N, c, c, layers * 4 * 2), timed(c, N, c, layers * 4);
  timed(N, c, f, layers * 3), timed(N, f, c, layers * 3), timed(f, N, c, layers * 3);
  timed(N, c, v, 1), timed(N, v, c, 1), timed(v, N, c, 1);
  return flops / seconds;
}

Result<void> train(Env& env, const std::string& path, int64_t steps, int threads) {
  const int64_t started = env.monotonic_ns();
  const auto since = [&](int64_t from) { return static_cast<double>(env.monotonic_ns() - from) * 1e-9; };
  // The tokens as one document of a shard.
  const std::string folder = path + ".shards";
  LEAM_TRY(env.make_dirs(folder));
  const std::string bytes = LEAM_TRY(env.read_file(path));
  std::vector<uint32_t> ids(bytes.size() / 2);
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<uint32_t>(static_cast<uint8_t>(bytes[2 * i])) |
             static_cast<uint32_t>(static_cast<uint8_t>(bytes[2 * i + 1])) << 8;
  }
  auto writer = LEAM_TRY(artifact::ShardWriter::create(
      env, path_join(folder, artifact::shard_name("train", 0)), {kVocab, hash128("bench"), kVocab - 1}));
  LEAM_TRY(writer->add({}, ids));
  LEAM_TRY(writer->close());
  const auto shards = LEAM_TRY(artifact::ShardSet::open(env, folder));

  ThreadPool pool(threads);
  tensor::Memory memory;
  const tensor::Dispatch dispatch(LEAM_TRY(tensor::kernel_choice(std::getenv("LEAM_KERNEL"))));
  const tensor::Exec exec{pool, memory, dispatch};
  const learn::TrainerConfig t = config();
  learn::Trainer trainer(t, exec);
  trainer.parameters().init(1, exec);
  const auto order = LEAM_TRY(learn::DataOrder::create(shards, t.T, 1));
  const double first_loss = LEAM_TRY(trainer.step(order, 0, 1e-3)).loss;
  const double first = since(started);
  LEAM_TRY(trainer.step(order, 1, 1e-3));
  std::vector<double> took;
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t began = env.monotonic_ns();
    LEAM_TRY(trainer.step(order, 2 + step, 1e-3));
    took.push_back(since(began));
  }
  const double tokens = static_cast<double>(trainer.tokens_per_step()) / median(took);
  const double flops = 3.0 * t.model.forward_flops(t.T) * tokens;
  const uint64_t peak = peak_memory_bytes();
  std::printf(
      "ours tokens_per_second=%.1f gflops=%.1f ceiling_gflops=%.1f first_loss=%.4f first_step_seconds=%.3f "
      "memory_bytes=%llu\n",
      tokens, flops * 1e-9, ceiling(t, exec, env) * 1e-9, first_loss, first,
      static_cast<unsigned long long>(peak));
  return env.remove_tree(folder);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const auto env = Env::real();
  if (args.size() == 2 && args[0] == "tokens") return write_tokens(*env, args[1]);
  if (args.size() == 4 && args[0] == "train") {
    const auto r = train(*env, args[1], std::atoll(args[2].c_str()), std::atoi(args[3].c_str()));
    if (r.ok()) return 0;
    std::fprintf(stderr, "%s\n", r.error().message().c_str());
    return 1;
  }
  std::fprintf(stderr, "usage: engine_learn_bench tokens FILE | train FILE STEPS THREADS\n");
  return 2;
}
