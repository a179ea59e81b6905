#include "pipeline/tokens/corpus_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace leam::tokens {
namespace {

constexpr std::string_view kPrefix = "part-", kSuffix = ".jsonl.zst";

Result<std::vector<artifact::Document>> documents_of(const artifact::FrameReader& reader, size_t frame,
                                                     uint64_t first_line, const std::string& path) {
  const std::string text = LEAM_TRY(reader.read_frame(frame));
  std::vector<artifact::Document> documents;
  std::string_view rest = text;
  for (uint64_t line = first_line; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    documents.push_back(
        LEAM_TRY(artifact::document_from_line(rest.substr(0, end), fmt::format("{}:{}", path, line))));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return documents;
}

}  // namespace

Result<std::vector<CorpusPart>> corpus_parts(const Env& env, const std::string& folder) {
  std::vector<CorpusPart> parts;
  for (const DirEntry& e : LEAM_TRY(env.list(folder, false))) {
    if (e.is_dir || !e.path.starts_with(kPrefix) || !e.path.ends_with(kSuffix)) continue;
    const std::string_view digits =
        std::string_view(e.path).substr(kPrefix.size(), e.path.size() - kPrefix.size() - kSuffix.size());
    CorpusPart part{path_join(folder, e.path), 0, 0};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), part.number);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return Error(ErrorCode::kInvalid, "tokens.corpus", fmt::format("{} has no number", part.path),
                   "the parts of a corpus are named part-00000.jsonl.zst and so on");
    }
    const auto reader = LEAM_TRY(artifact::FrameReader::open(env, part.path));
    for (const artifact::Frame& f : reader->frames()) part.bytes += f.bytes;
    parts.push_back(std::move(part));
  }
  if (parts.empty()) {
    return Error(ErrorCode::kNotFound, "tokens.corpus",
                 fmt::format("no {}*{} in {}", kPrefix, kSuffix, folder), "run `leam corpus` first");
  }
  return parts;
}

Result<void> walk_frames(const CorpusPart& part, Context& context, const FrameWalk& walk,
                         const std::function<Result<void>(size_t, std::vector<artifact::Document>&&)>& read,
                         const std::function<Result<void>(size_t)>& done, size_t slots) {
  const auto reader = LEAM_TRY(artifact::FrameReader::open(context.env, part.path));
  const std::vector<artifact::Frame>& frames = reader->frames();
  std::vector<uint64_t> first_line{1};
  for (const artifact::Frame& f : frames) first_line.push_back(first_line.back() + f.lines);
  std::vector<Result<void>> results(slots);
  for (size_t begin = 0; begin < frames.size(); begin += slots) {
    LEAM_TRY(context.stop.check(fmt::format("tokens: {}", walk.what), "finished shards are kept"));
    const size_t n = std::min(slots, frames.size() - begin);
    context.pool.run(n, [&](size_t slot) {
      auto documents = documents_of(*reader, begin + slot, first_line[begin + slot], part.path);
      results[slot] = documents.ok() ? read(slot, std::move(*documents)) : Result<void>(documents.error());
    });
    for (size_t slot = 0; slot < n; ++slot) {
      LEAM_TRY(std::move(results[slot]));
      LEAM_TRY(done(slot));
      *walk.bytes_done += frames[begin + slot].bytes;
    }
    context.reporter.progress({walk.what, static_cast<double>(*walk.bytes_done),
                               static_cast<double>(walk.bytes_total), "bytes", "", -1});
  }
  return {};
}

}  // namespace leam::tokens
