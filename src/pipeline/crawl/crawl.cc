#include "pipeline/crawl/crawl.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/artifact/documents.h"
#include "base/core/power.h"
#include "base/core/units.h"
#include "pipeline/crawl/process.h"
#include "pipeline/crawl/read/input.h"

namespace leam::crawl {

Result<Config> Config::from(const leam::Config& file) {
  Config c;
  Section s = file.section("crawl");
  c.out = s.path("out", "documents");
  c.date = s.string("date", "");
  c.min_chars = static_cast<uint64_t>(s.integer("min_chars", 1, 0, 1'000'000));
  c.max_page_bytes = static_cast<uint64_t>(s.integer("max_page_bytes", 64 << 20, 1024, 1 << 30));
  c.part_bytes = static_cast<uint64_t>(s.integer("part_bytes", 48 << 20, 1, 1 << 30));
  c.max_broken_share = s.number("max_broken_share", 0.05, 0, 1);
  c.max_replaced_share = s.number("max_replaced_share", 0.05, 0, 1);
  s.table("inputs");
  LEAM_TRY(s.finish());
  Section inputs = file.section("crawl.inputs");
  for (const std::string& name : inputs.keys()) {
    const auto paths = inputs.paths(name, {});
    for (const std::string& path : paths) c.inputs.push_back({name, path});
  }
  LEAM_TRY(inputs.finish());
  if (c.inputs.empty()) {
    return Error(ErrorCode::kInvalid, "crawl.config", fmt::format("{} names no inputs to crawl", file.path()),
                 "add a table [crawl.inputs] with lines such as  web = \"pages\"  (a folder, or a .warc.gz "
                 "or .jsonl file)");
  }
  return c;
}

artifact::StagePlan plan(const Config& c) {
  artifact::StagePlan p;
  p.stage = "crawl";
  p.out = c.out;
  p.kind = "documents";
  // `extraction` changes whenever the same page would give another text.
  p.params = json::object{{"extraction", 2},
                          {"date", c.date},
                          {"min_chars", c.min_chars},
                          {"max_page_bytes", c.max_page_bytes},
                          {"part_bytes", c.part_bytes},
                          {"max_replaced_share", c.max_replaced_share}};
  for (const Config::Input& i : c.inputs) p.inputs.push_back({i.name, i.path});
  return p;
}

namespace {

// The items of one part and where the next one begins.
struct Part {
  std::vector<Item> items;
  Cursor end;
  uint64_t bytes_done = 0;
};

constexpr size_t kMaxItems = 1u << 16;   // of a part, however small they are
constexpr size_t kTaskBytes = 1u << 20;  // of raw input a task
constexpr uint64_t kSurePages = 1000;    // below, the share of broken ones is only looked at in the end

// Reads about part_bytes of input; false when nothing is left.
bool read_part(InputStream& stream, uint64_t part_bytes, Part& part) {
  part = Part();
  uint64_t bytes = 0;
  Item item;
  while (stream.next(item)) {
    bytes += std::max<uint64_t>(item.raw, item.bytes.size());
    part.items.push_back(std::move(item));
    if ((bytes >= part_bytes || part.items.size() >= kMaxItems) && stream.at_boundary()) break;
  }
  part.end = stream.cursor();
  part.bytes_done = stream.bytes_done();
  return !part.items.empty();
}

class Run {
 public:
  Run(const Config& config, Context& ctx, artifact::StageWork& work) : c_(config), ctx_(ctx), work_(work) {}

  Result<void> operator()() {
    LEAM_TRY(list_files());
    LEAM_TRY(find_start());
    const EnergyMeter meter(ctx_.env, {});
    const int64_t begun = ctx_.env.monotonic_ns();
    InputStream stream(ctx_.env, files_, c_.max_page_bytes, start_);
    Part part, next;
    bool more = read_part(stream, c_.part_bytes, part);
    while (more) {
      LEAM_TRY(ctx_.stop.check("crawl", "finished parts are kept; the same command goes on from here"));
      LEAM_TRY(do_part(part, [&] { more = read_part(stream, c_.part_bytes, next); }));
      LEAM_TRY(check_broken(total_.pages >= kSurePages));
      ctx_.reporter.progress(
          {"reading pages", static_cast<double>(part.bytes_done), static_cast<double>(bytes_), "bytes",
           fmt::format("{} documents", human_count(static_cast<double>(total_.documents)))});
      part = std::move(next);
    }
    LEAM_TRY(check_broken(true));
    if (total_.pages == 0) {
      return Error(ErrorCode::kNotFound, "crawl", fmt::format("0 pages in {}", input_names()),
                   "crawl reads .html .htm .xhtml .txt .warc .arc .jsonl files, also packed as .gz or .zst");
    }
    LEAM_TRY(write_record(meter, begun));
    return work_.finish(total_.to_json());
  }

 private:
  Result<void> list_files() {
    uint64_t ignored = 0;
    for (const Config::Input& i : c_.inputs) {
      auto files = LEAM_TRY(list_input(ctx_.env, i.name, i.path, ignored));
      files_.insert(files_.end(), std::make_move_iterator(files.begin()),
                    std::make_move_iterator(files.end()));
    }
    for (const InputFile& f : files_) bytes_ += f.size;
    if (ignored > 0)
      ctx_.reporter.note(fmt::format("crawl   {} files are of no kind that it reads, and left out", ignored));
    return {};
  }

  std::string state_path(uint32_t part) const {
    return path_join(work_.work_folder(), fmt::format("part-{:05}.json", part));
  }
  std::string part_path(uint32_t part) const {
    return path_join(c_.out, fmt::format("part-{:05}.jsonl.zst", part));
  }
  std::string drops_path(uint32_t part) const {
    return path_join(c_.out, fmt::format("drops-{:05}.jsonl.zst", part));
  }

  // Counts what finished parts hold and sets the start behind the last of them.
  Result<void> find_start() {
    for (; ctx_.env.exists(part_path(parts_)) && ctx_.env.exists(state_path(parts_)); ++parts_) {
      const std::string path = state_path(parts_);
      const json::value v = LEAM_TRY(parse_json(LEAM_TRY(ctx_.env.read_file(path)), path));
      const json::object* counts =
          v.is_object() && v.as_object().contains("counts") ? v.at("counts").if_object() : nullptr;
      if (counts == nullptr)
        return Error(ErrorCode::kCorrupt, "crawl", path + " is not a part's state",
                     "delete the output folder");
      total_.add(LEAM_TRY(Counts::from_json(*counts, path)));
      start_.file = static_cast<uint32_t>(LEAM_TRY(json_int(v.as_object(), "file", path)));
      start_.offset = static_cast<uint64_t>(LEAM_TRY(json_int(v.as_object(), "offset", path)));
      start_.skip = static_cast<uint64_t>(LEAM_TRY(json_int(v.as_object(), "skip", path)));
    }
    if (parts_ > 0) ctx_.reporter.note(fmt::format("crawl   {} parts were finished before", parts_));
    return {};
  }

  // Works on a part while `read_ahead` runs on one of the threads.
  template <class ReadAhead>
  Result<void> do_part(Part& part, ReadAhead read_ahead) {
    std::vector<std::pair<size_t, size_t>> tasks;
    uint64_t bytes = 0;
    size_t begin = 0;
    for (size_t i = 0; i < part.items.size(); ++i) {
      bytes += std::max<uint64_t>(part.items[i].raw, 4096);
      if (bytes < kTaskBytes && i + 1 < part.items.size()) continue;
      tasks.emplace_back(begin, i + 1);
      begin = i + 1;
      bytes = 0;
    }
    std::vector<Lines> done(tasks.size());
    ctx_.pool.run(tasks.size() + 1, [&](size_t t) {
      if (t == 0) return read_ahead();
      Processor processor(c_, ctx_.env, files_);
      for (size_t i = tasks[t - 1].first; i < tasks[t - 1].second; ++i) {
        processor.process(part.items[i], done[t - 1]);
        part.items[i] = Item();  // its memory is needed for the next part
      }
    });
    return write_part(part.end, done);
  }

  // A file's lines cut into frames where one has grown to its size.
  static std::vector<std::string> cut_frames(std::vector<Lines>& done, std::string Lines::*which) {
    std::vector<std::string> frames;
    std::string open;
    for (Lines& lines : done) {
      std::string_view rest = lines.*which;
      while (!rest.empty()) {
        const size_t line = rest.find('\n') + 1;
        open.append(rest.substr(0, line));
        rest.remove_prefix(line);
        if (open.size() >= artifact::kFrameBytes) frames.push_back(std::exchange(open, {}));
      }
      std::string().swap(lines.*which);
    }
    if (!open.empty()) frames.push_back(std::move(open));
    return frames;
  }

  Result<void> write_part(const Cursor& end, std::vector<Lines>& done) {
    Counts counts;
    for (const Lines& lines : done) counts.add(lines.counts);
    std::vector<std::string> frames = cut_frames(done, &Lines::documents);
    const size_t n_documents = frames.size();
    for (std::string& f : cut_frames(done, &Lines::drops)) frames.push_back(std::move(f));
    std::vector<std::unique_ptr<Result<artifact::PackedFrame>>> packed(frames.size());
    ctx_.pool.run(frames.size(), [&](size_t i) {
      packed[i] = std::make_unique<Result<artifact::PackedFrame>>(artifact::pack_frame(frames[i]));
    });
    const auto write = [&](const std::string& path, size_t from, size_t to) -> Result<void> {
      auto writer = LEAM_TRY(artifact::FrameWriter::create(ctx_.env, path));
      for (size_t i = from; i < to; ++i) LEAM_TRY(writer->add_frame(LEAM_TRY(std::move(*packed[i]))));
      return writer->close();
    };
    // The part's own file comes last: where it is, the other two are.
    LEAM_TRY(write(drops_path(parts_), n_documents, frames.size()));
    LEAM_TRY(ctx_.env.write_atomic(
        state_path(parts_),
        pretty_json(json::object{
            {"counts", counts.to_json()}, {"file", end.file}, {"offset", end.offset}, {"skip", end.skip}})));
    LEAM_TRY(write(part_path(parts_), 0, n_documents));
    total_.add(counts);
    ++parts_;
    return {};
  }

  Result<void> check_broken(bool sure) const {
    const uint64_t seen = total_.pages + total_.broken;
    if (!sure || seen == 0) return {};
    const double share = static_cast<double>(total_.broken) / static_cast<double>(seen);
    if (share <= c_.max_broken_share) return {};
    return Error(ErrorCode::kCorrupt, "crawl",
                 fmt::format("{} of {} records are broken ({:.1f} %), more than max_broken_share = {}",
                             total_.broken, seen, 100 * share, c_.max_broken_share),
                 fmt::format("see the reasons in {}, repair the input or raise max_broken_share in [crawl]",
                             path_join(c_.out, "drops-*.jsonl.zst")));
  }

  std::string input_names() const {
    std::string all;
    for (const Config::Input& i : c_.inputs) all += (all.empty() ? "" : ", ") + i.path;
    return all;
  }

  Result<void> write_record(const EnergyMeter& meter, int64_t begun) {
    const double seconds = static_cast<double>(ctx_.env.monotonic_ns() - begun) * 1e-9;
    const std::string folder = path_join(c_.out, artifact::kRunFolder);
    LEAM_TRY(ctx_.env.make_dirs(folder));
    return ctx_.env.write_atomic(path_join(folder, "record.json"),
                                 pretty_json(json::object{{"seconds", seconds},
                                                          {"threads", ctx_.pool.threads()},
                                                          {"raw_bytes", total_.raw_bytes},
                                                          {"energy", meter.so_far().to_json()}}));
  }

  const Config& c_;
  Context& ctx_;
  artifact::StageWork& work_;
  std::vector<InputFile> files_;
  uint64_t bytes_ = 0;
  Cursor start_;
  uint32_t parts_ = 0;
  Counts total_;
};

}  // namespace

Result<void> run(const Config& c, Context& ctx) {
  artifact::StageWork work = LEAM_TRY(artifact::StageWork::begin(ctx.env, plan(c)));
  if (work.fresh()) {
    ctx.reporter.note(fmt::format("crawl   up to date: {}", c.out));
    return {};
  }
  return Run(c, ctx, work)();
}

}  // namespace leam::crawl
