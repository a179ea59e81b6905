// In-process timing for bench/extract and bench/html-parse: pages are read into memory first, then each is
// worked on alone, in one thread, decoding included.
//   extract DIR [OUT.jsonl]   parse DIR   trees DIR (prints each page's tree, for tests/peers/html_tree.py)
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "base/core/env.h"
#include "base/core/json.h"
#include "base/text/charset.h"
#include "pipeline/crawl/extract/page.h"
#include "pipeline/crawl/html/parse.h"
#include "pipeline/crawl/html/serialize.h"

namespace leam::crawl {
namespace {

struct Page {
  std::string name, bytes;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<std::vector<Page>> load(Env& env, const std::string& folder) {
  std::vector<Page> pages;
  for (const DirEntry& e : LEAM_TRY(env.list(folder, true))) {
    if (!e.is_dir) pages.push_back({e.path, LEAM_TRY(env.read_file(path_join(folder, e.path)))});
  }
  if (pages.empty()) return Error(ErrorCode::kNotFound, "crawl.bench", "no pages in " + folder);
  return pages;
}

Result<void> bench(int argc, char** argv) {
  if (argc < 3)
    return Error(ErrorCode::kInvalid, "crawl.bench",
                 "usage: extract DIR [OUT.jsonl] | parse DIR | trees DIR");
  const std::string_view mode = argv[1];
  const auto env = Env::real();
  const std::vector<Page> pages = LEAM_TRY(load(*env, argv[2]));
  uint64_t bytes = 0;
  double best = 0;
  std::string lines;
  if (mode == "trees") {
    for (const Page& p : pages) {
      const std::string decoded = text::decode_page(p.bytes, "text/html; charset=utf-8").text;
      const html::Document document = html::parse(decoded);
      fmt::print("{}\n", json::serialize(
                             json::object{{"file", p.name}, {"tree", html::serialize_tree(document.root)}}));
    }
    return {};
  }
  if (mode == "parse") {
    std::vector<std::string> decoded;
    for (const Page& p : pages) {
      decoded.push_back(text::decode_page(p.bytes, "").text);
      bytes += decoded.back().size();
    }
    html::Document document;
    for (int round = 0; round < 5; ++round) {
      const double start = now();
      for (const std::string& p : decoded) html::parse_into(p, {}, document);
      const double took = now() - start;
      if (round == 1 || (round > 1 && took < best)) best = took;
    }
  } else {
    Extractor extractor;
    for (int round = 0; round < 4; ++round) {
      bytes = 0;
      lines.clear();
      double took = 0;
      for (const Page& p : pages) {
        bytes += p.bytes.size();
        const double start = now();
        const ExtractedPage page = extractor.extract(p.bytes, {});
        took += now() - start;
        lines += json::serialize(json::object{{"file", p.name}, {"text", page.text}}) + '\n';
      }
      if (round == 1 || (round > 1 && took < best)) best = took;
    }
    if (argc > 3) LEAM_TRY(env->write_atomic(argv[3], lines));
  }
  const auto n = static_cast<double>(pages.size());
  fmt::print(
      "pages={} bytes={} seconds={:.6f} pages_per_second={:.1f} mb_per_second={:.1f} ms_per_page={:.4f}\n",
      pages.size(), bytes, best, n / best, static_cast<double>(bytes) / best / 1e6, best / n * 1e3);
  return {};
}

}  // namespace
}  // namespace leam::crawl

int main(int argc, char** argv) {
  const auto done = leam::crawl::bench(argc, argv);
  if (done.ok()) return 0;
  (void)std::fprintf(stderr, "%s\n", done.error().message().c_str());
  return 1;
}
