#include "pipeline/eval/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "base/core/hash.h"

namespace leam::eval {
namespace {

constexpr std::string_view kKept = "finished languages are kept";

struct Keyed {
  uint64_t key = 0;
  artifact::Document document;
  bool operator<(const Keyed& other) const {
    return key != other.key ? key < other.key : document.id < other.document.id;
  }
};

// The documents with the smallest keys whose texts together just reach `max_bytes`.
struct Smallest {
  std::priority_queue<Keyed> queue;
  uint64_t bytes = 0, seen = 0, seen_bytes = 0;

  void add(Keyed k, uint64_t max_bytes) {
    ++seen;
    seen_bytes += k.document.text.size();
    if (bytes >= max_bytes && queue.top() < k) return;
    bytes += k.document.text.size();
    queue.push(std::move(k));
    while (bytes - queue.top().document.text.size() >= max_bytes) {
      bytes -= queue.top().document.text.size();
      queue.pop();
    }
  }
};

}  // namespace

Result<std::vector<Sample>> select_heldout(const Env& env, const std::string& corpus, uint64_t max_bytes,
                                           const StopFlag& stop) {
  bug_if(max_bytes == 0, "an empty sample was asked for");
  std::map<std::string, Smallest> by_lang;
  const auto visit = [&](std::string_view line, std::string_view where) -> Result<void> {
    LEAM_TRY(stop.check("eval.selection", kKept));
    artifact::Document d = LEAM_TRY(artifact::document_from_line(line, where));
    if (d.text.empty()) return {};
    const uint64_t key = hash64(d.id);
    by_lang[d.lang].add({key, std::move(d)}, max_bytes);
    return {};
  };
  LEAM_TRY(artifact::for_each_line(env, corpus, "heldout", visit));
  std::vector<Sample> samples;
  for (auto& [lang, smallest] : by_lang) {
    Sample s{lang, {}, smallest.bytes, smallest.seen, smallest.seen_bytes};
    while (!smallest.queue.empty()) {  // the largest key comes first
      s.documents.push_back(smallest.queue.top().document);
      smallest.queue.pop();
    }
    std::reverse(s.documents.begin(), s.documents.end());
    samples.push_back(std::move(s));
  }
  return samples;
}

Result<std::map<std::string, std::vector<std::string>>> training_texts(const Env& env,
                                                                       const std::string& corpus,
                                                                       const std::vector<std::string>& langs,
                                                                       uint64_t bytes_each,
                                                                       const StopFlag& stop) {
  struct Place {
    uint64_t key = 0;
    size_t file = 0, frame = 0;
  };
  std::vector<std::unique_ptr<artifact::FrameReader>> readers;
  std::vector<std::string> names;
  std::vector<Place> places;
  for (const DirEntry& e : LEAM_TRY(env.list(corpus, true))) {
    if (e.is_dir || !path_base(e.path).starts_with("part-") || !e.path.ends_with(".jsonl.zst")) continue;
    readers.push_back(LEAM_TRY(artifact::FrameReader::open(env, path_join(corpus, e.path))));
    names.push_back(e.path);
    for (size_t i = 0; i < readers.back()->frames().size(); ++i)
      places.push_back({hash64(fmt::format("{}:{}", e.path, i)), readers.size() - 1, i});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::tie(a.key, a.file, a.frame) < std::tie(b.key, b.file, b.frame);
  });

  std::map<std::string, std::vector<std::string>> texts;
  std::map<std::string, uint64_t> missing;  // bytes
  for (const std::string& lang : langs) {
    texts[lang] = {};
    missing[lang] = bytes_each;
  }
  for (const Place& p : places) {
    if (missing.empty()) break;
    LEAM_TRY(stop.check("eval.selection", kKept));
    const std::string frame = LEAM_TRY(readers[p.file]->read_frame(p.frame));
    size_t at = 0, number = 0;
    while (at < frame.size()) {
      const size_t end = std::min(frame.find('\n', at), frame.size());
      const std::string_view line(frame.data() + at, end - at);
      at = end + 1;
      ++number;
      if (line.empty()) continue;
      artifact::Document d = LEAM_TRY(artifact::document_from_line(
          line, fmt::format("{}: frame {}, line {}", names[p.file], p.frame, number)));
      const auto wanted = missing.find(d.lang);
      if (wanted == missing.end() || d.text.empty()) continue;
      const uint64_t size = d.text.size();
      texts[d.lang].push_back(std::move(d.text));
      if (size >= wanted->second) {
        missing.erase(wanted);
      } else {
        wanted->second -= size;
      }
    }
  }
  return texts;
}

}  // namespace leam::eval
