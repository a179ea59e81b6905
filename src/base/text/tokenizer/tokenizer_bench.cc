// base_text_bench encode TOKENIZER FILE [SECONDS]   documents of FILE, separated by NUL, over and over on one
//                                                   thread; prints MB/s of UTF-8 and tokens of one pass
// base_text_bench load TOKENIZER [SECONDS]          prints milliseconds for one load
// base_text_bench words PATTERN FILE [SECONDS]      cutting into words alone; prints MB/s
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/text/tokenizer.h"
#include "base/text/tokenizer/pretokenize.h"

namespace leam::text {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::string_view> documents(std::string_view all) {
  std::vector<std::string_view> list;
  while (!all.empty()) {
    const size_t end = all.find('\0');
    list.push_back(all.substr(0, end));
    all = end == std::string_view::npos ? std::string_view() : all.substr(end + 1);
  }
  return list;
}

// The best time of one pass: what the code can do, whatever else the machine does.
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

Result<void> run(const std::vector<std::string>& args) {
  const std::unique_ptr<Env> env = Env::real();
  const std::string& what = args[0];
  const double seconds = args.size() > 3 ? std::strtod(args[3].c_str(), nullptr) : 3;
  if (what == "load") {
    const std::string json = LEAM_TRY(env->read_file(args[1]));
    const double s = best_seconds(seconds, [&] { bug_if(!Tokenizer::parse(json, args[1]).ok(), "load"); });
    std::printf("%.2f ms\n", s * 1e3);
    return {};
  }
  const std::string text = LEAM_TRY(env->read_file(args.at(2)));
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  const auto list = documents(text);
  size_t n = 0;
  double s = 0;
  if (what == "words") {
    const auto pattern = pattern_of_name(args[1]);
    if (!pattern) return Error(ErrorCode::kInvalid, "text.bench", "unknown pattern " + args[1]);
    s = best_seconds(seconds, [&] {
      n = 0;
      for (const std::string_view d : list)
        for_each_word(*pattern, d, [&n](const char*, const char*) { ++n; });
    });
  } else {
    const Tokenizer tokenizer = LEAM_TRY(Tokenizer::load(*env, args[1]));
    std::vector<TokenId> ids;
    s = best_seconds(seconds, [&] {
      Encoder encoder = tokenizer.encoder();
      n = 0;
      for (const std::string_view d : list) {
        ids.clear();
        encoder.encode(d, {}, ids);
        n += ids.size();
      }
    });
  }
  std::printf("%.2f MB/s %zu\n", megabytes / s, n);
  return {};
}

}  // namespace
}  // namespace leam::text

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 2) {
    std::fputs("base_text_bench encode|load|words …: see tokenizer_bench.cc\n", stderr);
    return 2;
  }
  const auto done = leam::text::run(args);
  if (done.ok()) return 0;
  std::fprintf(stderr, "%s\n", done.error().message().c_str());
  return 1;
}
