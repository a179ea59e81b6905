// The tokenizer's own measurements; bench/tokens-encode and bench/tokens-train put peers beside them.
//
// pipeline_tokens_bench text FOLDER OUT [MEGABYTES]       the documents of a folder of *.jsonl.zst, or of
// plain
//                                                         files, to OUT: separated by NUL, evenly thinned to
//                                                         size
// pipeline_tokens_bench train TEXT VOCAB PATTERN THREADS [JSON]   learns a BPE: seconds, peak memory
// pipeline_tokens_bench encode TOKENIZER TEXT THREADS [SECONDS]   MB/s of the best pass, tokens, milliseconds
// to load pipeline_tokens_bench words PATTERN TEXT [SECONDS]      MB/s of cutting into words alone
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "base/artifact/documents.h"
#include "base/core/env.h"
#include "base/core/machine.h"
#include "base/core/threads.h"
#include "base/text/tokenizer.h"
#include "base/text/utf8.h"
#include "pipeline/tokens/bpe_trainer.h"

namespace leam::tokens {
namespace {

using Args = std::vector<std::string>;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double number(const Args& args, size_t i, double fallback) {
  return args.size() > i ? std::strtod(args[i].c_str(), nullptr) : fallback;
}

std::vector<std::string_view> documents(std::string_view all) {
  std::vector<std::string_view> list;
  while (!all.empty()) {
    const size_t end = std::min(all.find('\0'), all.size());
    list.push_back(all.substr(0, end));
    all.remove_prefix(std::min(end + 1, all.size()));
  }
  return list;
}

// Pieces of whole documents, about 4 MB each.
std::vector<std::string_view> pieces(std::string_view all) {
  std::vector<std::string_view> list;
  while (!all.empty()) {
    const size_t end = std::min(all.find('\0', std::min<size_t>(all.size(), 4u << 20)), all.size());
    list.push_back(all.substr(0, end));
    all.remove_prefix(std::min(end + 1, all.size()));
  }
  return list;
}

// The best time of one pass within a budget: what the code can do, whatever else the machine does.
template <class F>
double best_seconds(double budget, F&& pass) {
  double best = 1e9;
  for (const double begin = now(); now() - begin < budget;) {
    const double start = now();
    pass();
    best = std::min(best, now() - start);
  }
  return best;
}

Result<void> text_command(Env& env, const Args& args) {
  std::vector<std::string> texts;
  const auto keep = [&texts](std::string text) {
    std::replace(text.begin(), text.end(), '\0', ' ');
    texts.push_back(text::repair_utf8(text));
  };
  bool any_part = false, any_lines = false;
  const std::vector<DirEntry> entries = LEAM_TRY(env.list(args[1], true));
  for (const DirEntry& e : entries) {
    any_lines = any_lines || e.path.ends_with(".jsonl.zst");
    any_part = any_part || (path_base(e.path).starts_with("part-") && e.path.ends_with(".jsonl.zst"));
  }
  if (any_lines) {
    LEAM_TRY(artifact::for_each_line(env, args[1], any_part ? "part-" : "",
                                     [&](std::string_view line, std::string_view where) -> Result<void> {
                                       const json::value value = LEAM_TRY(parse_json(line, where));
                                       const json::object* o = value.if_object();
                                       if (o == nullptr)
                                         return Error(ErrorCode::kCorrupt, "tokens.bench",
                                                      std::string(where) + ": no object");
                                       keep(LEAM_TRY(json_string(*o, "text", where)));
                                       return {};
                                     }));
  } else {
    for (const DirEntry& e : entries) {
      if (!e.is_dir) keep(LEAM_TRY(env.read_file(path_join(args[1], e.path))));
    }
  }
  uint64_t bytes = 0;
  for (const std::string& t : texts) bytes += t.size() + 1;
  const double share =
      std::min(1.0, number(args, 3, 1e9) * 1e6 / static_cast<double>(std::max<uint64_t>(bytes, 1)));
  std::string out;
  double taken = 0;
  for (const std::string& t : texts) {
    if (std::floor(taken + share) > std::floor(taken)) out.append(t).append(1, '\0');
    taken += share;
  }
  if (out.empty()) return Error(ErrorCode::kNotFound, "tokens.bench", "no text in " + args[1]);
  std::printf("documents=%zu\nbytes=%zu\n", documents(out).size(), out.size());
  return env.write_atomic(args[2], out);
}

Result<void> train_command(Env& env, const Args& args) {
  const auto pattern = text::pattern_of_name(args[3]);
  if (!pattern) return Error(ErrorCode::kInvalid, "tokens.bench", "unknown pattern " + args[3]);
  const double begin = now();
  const auto file = LEAM_TRY(env.map(args[1]));
  ThreadPool pool(static_cast<int>(number(args, 4, 1)));
  QuietReporter reporter;
  StopFlag stop;
  const std::vector<std::string_view> list = pieces(file->bytes());
  WordCounts counts;
  pool.run(list.size(), [&](size_t i) {
    WordTable table;
    for (const std::string_view d : documents(list[i])) WordCounts::count(*pattern, d, table);
    counts.add(table);
  });
  const double counted = now();
  const BpeOptions options{.vocab = static_cast<size_t>(number(args, 2, 32768)),
                           .round_to = 1,
                           .min_frequency = 0,
                           .reserved = 0,
                           .special = {"<|endoftext|>"}};
  const BpeVocabulary vocabulary = LEAM_TRY(train_bpe(counts, options, reporter, stop));
  const double seconds = now() - begin;
  std::printf("seconds=%.3f\ncounting_seconds=%.3f\nmb_per_s=%.3f\nwords=%llu\ntokens=%zu\npeak_mb=%.0f\n",
              seconds, counted - begin, static_cast<double>(file->bytes().size()) / 1e6 / seconds,
              static_cast<unsigned long long>(counts.words()), vocabulary.tokens.size(),
              static_cast<double>(peak_memory_bytes()) / 1e6);
  if (args.size() > 5) return env.write_atomic(args[5], tokenizer_json(vocabulary, *pattern, false));
  return {};
}

Result<void> encode_command(Env& env, const Args& args) {
  const std::string json = LEAM_TRY(env.read_file(args[1]));
  const text::Tokenizer tokenizer = LEAM_TRY(text::Tokenizer::parse(json, args[1]));
  const std::string all = LEAM_TRY(env.read_file(args[2]));
  ThreadPool pool(static_cast<int>(number(args, 3, 1)));
  const double budget = number(args, 4, 3);
  const std::vector<std::string_view> list = pieces(all);
  std::vector<size_t> tokens(list.size());
  const double seconds = best_seconds(budget, [&] {
    pool.run(list.size(), [&](size_t i) {
      text::Encoder encoder = tokenizer.encoder();
      std::vector<text::TokenId> ids;
      tokens[i] = 0;
      for (const std::string_view d : documents(list[i])) {
        ids.clear();
        encoder.encode(d, {}, ids);
        tokens[i] += ids.size();
      }
    });
  });
  const double load = best_seconds(0.2, [&] { bug_if(!text::Tokenizer::parse(json, "again").ok(), "load"); });
  std::printf("mb_per_s=%.3f\ntokens=%zu\nload_ms=%.2f\n", static_cast<double>(all.size()) / 1e6 / seconds,
              std::accumulate(tokens.begin(), tokens.end(), size_t{0}), load * 1e3);
  return {};
}

Result<void> words_command(Env& env, const Args& args) {
  const auto pattern = text::pattern_of_name(args[1]);
  if (!pattern) return Error(ErrorCode::kInvalid, "tokens.bench", "unknown pattern " + args[1]);
  const std::string all = LEAM_TRY(env.read_file(args[2]));
  const auto list = documents(all);
  size_t n = 0;
  const double seconds = best_seconds(number(args, 3, 3), [&] {
    n = 0;
    for (const std::string_view d : list)
      text::for_each_word(*pattern, d, [&n](const char*, const char*) { ++n; });
  });
  std::printf("mb_per_s=%.3f\nwords=%zu\n", static_cast<double>(all.size()) / 1e6 / seconds, n);
  return {};
}

Result<void> run(const Args& args) {
  const std::unique_ptr<Env> env = Env::real();
  if (args.size() >= 3 && args[0] == "text") return text_command(*env, args);
  if (args.size() >= 5 && args[0] == "train") return train_command(*env, args);
  if (args.size() >= 4 && args[0] == "encode") return encode_command(*env, args);
  if (args.size() >= 3 && args[0] == "words") return words_command(*env, args);
  return Error(ErrorCode::kInvalid, "tokens.bench", "text|train|encode|words …", "see tokens_bench.cc");
}

}  // namespace
}  // namespace leam::tokens

int main(int argc, char** argv) {
  const auto done = leam::tokens::run({argv + 1, argv + argc});
  if (done.ok()) return 0;
  std::fprintf(stderr, "%s\n", done.error().message().c_str());
  return 1;
}
