#include <fmt/format.h>

#include "base/artifact/documents.h"
#include "base/artifact/manifest.h"

namespace leam::artifact {

Result<std::vector<std::string>> list_parts(const Env& env, const std::string& folder,
                                            std::string_view prefix) {
  std::vector<std::string> out;
  for (const DirEntry& e : LEAM_TRY(env.list(folder, true))) {
    if (e.path.starts_with(std::string(kWorkFolder) + "/")) continue;
    if (!e.path.ends_with(".jsonl.zst") || !path_base(e.path).starts_with(prefix)) continue;
    out.push_back(path_join(folder, e.path));
  }
  return out;
}

Result<FrameSet> FrameSet::open(const Env& env, const std::string& folder, std::string_view prefix) {
  FrameSet set;
  set.paths_ = LEAM_TRY(list_parts(env, folder, prefix));
  for (size_t file = 0; file < set.paths_.size(); ++file) {
    set.readers_.push_back(LEAM_TRY(FrameReader::open(env, set.paths_[file])));
    uint64_t line = 0;
    const std::vector<Frame>& frames = set.readers_.back()->frames();
    for (size_t frame = 0; frame < frames.size(); ++frame) {
      set.places_.push_back({file, frame, line});
      line += frames[frame].lines;
      set.bytes_ += frames[frame].bytes;
    }
    set.lines_ += line;
  }
  return set;
}

const Frame& FrameSet::frame(size_t i) const {
  return readers_[places_.at(i).file]->frames()[places_[i].frame];
}

Result<std::string> FrameSet::read(size_t i) const {
  return readers_[places_.at(i).file]->read_frame(places_[i].frame);
}

std::string FrameSet::where(size_t i, uint64_t line) const {
  const Place& p = places_.at(i);
  return fmt::format("{}:{}", paths_[p.file], p.first_line + line + 1);
}

Result<void> for_each_line_of(
    std::string_view frame,
    const std::function<Result<void>(std::string_view line, uint64_t number)>& visit) {
  uint64_t number = 0;
  while (!frame.empty()) {
    const size_t end = std::min(frame.find('\n'), frame.size());
    if (end > 0) LEAM_TRY(visit(frame.substr(0, end), number));
    ++number;
    frame.remove_prefix(std::min(end + 1, frame.size()));
  }
  return {};
}

Result<void> for_each_line(
    const Env& env, const std::string& folder, std::string_view prefix,
    const std::function<Result<void>(std::string_view line, std::string_view where)>& visit) {
  const FrameSet set = LEAM_TRY(FrameSet::open(env, folder, prefix));
  for (size_t i = 0; i < set.size(); ++i) {
    const std::string text = LEAM_TRY(set.read(i));
    LEAM_TRY(for_each_line_of(
        text, [&](std::string_view line, uint64_t number) { return visit(line, set.where(i, number)); }));
  }
  return {};
}

Result<void> for_each_document(const Env& env, const std::string& folder, std::string_view prefix,
                               const std::function<Result<void>(Document&&)>& visit) {
  return for_each_line(env, folder, prefix,
                       [&](std::string_view line, std::string_view where) -> Result<void> {
                         return visit(LEAM_TRY(document_from_line(line, where)));
                       });
}

Result<void> for_each_document(const Env& env, const std::string& folder,
                               const std::function<Result<void>(Document&&)>& visit) {
  return for_each_document(env, folder, "part-", visit);
}

Result<void> for_each_drop(const Env& env, const std::string& folder,
                           const std::function<Result<void>(Drop&&)>& visit) {
  return for_each_line(env, folder, "drops",
                       [&](std::string_view line, std::string_view where) -> Result<void> {
                         return visit(LEAM_TRY(drop_from_line(line, where)));
                       });
}

}  // namespace leam::artifact
