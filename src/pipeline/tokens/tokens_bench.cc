// pipeline_tokens_bench FILE VOCAB PATTERN THREADS [OUT]
// Learns a byte-level BPE from the documents of FILE, separated by NUL, and prints seconds and peak memory.
// The tokens are those of Hugging Face's BpeTrainer with one special token. OUT takes the tokenizer.json.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/core/env.h"
#include "base/core/machine.h"
#include "base/core/threads.h"
#include "pipeline/tokens/bpe_trainer.h"

namespace leam::tokens {
namespace {

Result<void> run(const std::vector<std::string>& args) {
  const std::unique_ptr<Env> env = Env::real();
  const auto pattern = text::pattern_of_name(args[2]);
  if (!pattern) return Error(ErrorCode::kInvalid, "tokens.bench", "unknown pattern " + args[2]);
  const auto begin = std::chrono::steady_clock::now();
  const auto file = LEAM_TRY(env->map(args[0]));
  ThreadPool pool(std::atoi(args[3].c_str()));
  QuietReporter reporter;
  StopFlag stop;
  // Pieces of about 4 MB, cut between documents.
  const std::string_view all = file->bytes();
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < all.size();) {
    size_t end = at + (4u << 20) < all.size() ? all.find('\0', at + (4u << 20)) : all.size();
    if (end == std::string_view::npos) end = all.size();
    pieces.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  WordCounts counts;
  pool.run(pieces.size(), [&](size_t i) {
    WordTable table;
    for (std::string_view rest = pieces[i]; !rest.empty();) {
      const size_t end = std::min(rest.find('\0'), rest.size());
      WordCounts::count(*pattern, rest.substr(0, end), table);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    counts.add(table);
  });
  const auto counted = std::chrono::steady_clock::now();
  const BpeOptions options{.vocab = static_cast<size_t>(std::atoll(args[1].c_str())),
                           .round_to = 1,
                           .min_frequency = 0,
                           .reserved = 0,
                           .special = {"<|endoftext|>"}};
  const BpeVocabulary vocabulary = LEAM_TRY(train_bpe(counts, options, reporter, stop));
  const auto end = std::chrono::steady_clock::now();
  const auto seconds = [](auto d) { return std::chrono::duration<double>(d).count(); };
  std::printf("seconds=%.3f\ncounting=%.3f\nwords=%llu\ntokens=%zu\npeak_bytes=%llu\n", seconds(end - begin),
              seconds(counted - begin), static_cast<unsigned long long>(counts.words()),
              vocabulary.tokens.size(), static_cast<unsigned long long>(peak_memory_bytes()));
  if (args.size() > 4) return env->write_atomic(args[4], tokenizer_json(vocabulary, *pattern, false));
  return {};
}

}  // namespace
}  // namespace leam::tokens

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 4) {
    std::fputs("pipeline_tokens_bench FILE VOCAB PATTERN THREADS [OUT]\n", stderr);
    return 2;
  }
  const auto done = leam::tokens::run(args);
  if (done.ok()) return 0;
  std::fprintf(stderr, "%s\n", done.error().message().c_str());
  return 1;
}
