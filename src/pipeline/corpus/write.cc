#include "pipeline/corpus/write.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>

#include "base/core/rng.h"

namespace leam::corpus {
namespace {

constexpr int kWorkLevel = 1;  // zstd, for what lives a minute
constexpr size_t kKeyDigits = 16;
__extension__ using Wide = unsigned __int128;

// Where documents go: training parts, then held-out parts, then the drops.
struct Destinations {
  size_t parts, heldout_parts;
  size_t count() const { return parts + heldout_parts + 1; }
  size_t drops() const { return parts + heldout_parts; }
};

size_t parts_for(uint64_t bytes, uint64_t part_bytes) {
  return static_cast<size_t>(std::max<uint64_t>(1, (bytes + part_bytes - 1) / part_bytes));
}

// Keys are uniform, so parts cut by their upper bits are of about equal size.
size_t slot(uint64_t key, size_t parts) {
  return static_cast<size_t>((static_cast<Wide>(key) * parts) >> 64);
}

uint64_t order_key(uint64_t seed, const Record& r, uint32_t copy) {
  return Stream(seed, purpose("corpus.order"), copy).bits64(r.id.low);
}

std::string work_part(const std::string& work_folder, size_t batch) {
  return path_join(work_folder, fmt::format("dealt-{:06}.jsonl.zst", batch));
}

// One frame's share of the dealing.
class Dealer {
 public:
  Dealer(const Config& c, const artifact::FrameSet& input, const Scan& scan, const Decision& decision,
         const CharTable& table, Destinations to)
      : c_(c), input_(input), scan_(scan), decision_(decision), analyser_(table), to_(to) {}

  // Packed frames, one for each destination.
  Result<std::vector<artifact::PackedFrame>> deal(size_t frame) {
    std::vector<std::string> out(to_.count());
    const std::string text = LEAM_TRY(input_.read(frame));
    uint64_t record = scan_.frame_start()[frame];
    LEAM_TRY(artifact::for_each_line_of(text, [&](std::string_view line, uint64_t number) {
      return deal_line(line, input_.where(frame, number), record++, out);
    }));
    std::vector<artifact::PackedFrame> packed;
    for (const std::string& lines : out) packed.push_back(LEAM_TRY(artifact::pack_frame(lines, kWorkLevel)));
    return packed;
  }

 private:
  Result<void> deal_line(std::string_view line, const std::string& where, uint64_t index,
                         std::vector<std::string>& out) {
    const Record& r = scan_.records()[index];
    auto document = artifact::document_from_line(line, where);
    if (!document.ok()) {
      const artifact::Drop drop{.id = r.id.hex(),
                                .url = "",
                                .lang = "",
                                .stage = "corpus",
                                .rule = "broken",
                                .value = 1,
                                .threshold = 0,
                                .chars = 0,
                                .detail = document.error().what()};
      out[to_.drops()] += artifact::to_line(drop) + "\n";
      return {};
    }
    if (!r.kept()) {
      out[to_.drops()] += artifact::to_line(describe(*document, index)) + "\n";
    } else if (decision_.heldout(index)) {
      const uint64_t key = order_key(c_.seed, r, 0);
      put(out[to_.parts + slot(key, to_.heldout_parts)], key, *document);
    } else {
      for (uint32_t copy = 0; copy < decision_.copies(r); ++copy) {
        if (copy > 0) document->extra["copy"] = copy;
        const uint64_t key = order_key(c_.seed, r, copy);
        put(out[slot(key, to_.parts)], key, *document);
      }
    }
    return {};
  }

  static void put(std::string& out, uint64_t key, const artifact::Document& d) {
    out += fmt::format("{:016x}", key);
    out += artifact::to_line(d);
    out += '\n';
  }

  artifact::Drop describe(const artifact::Document& d, uint64_t index) {
    const Record& r = scan_.records()[index];
    artifact::Drop drop{.id = d.id,
                        .url = place_of(d),
                        .lang = d.lang,
                        .stage = "corpus",
                        .rule = std::string(rule_name(r.dropped)),
                        .value = 0,
                        .threshold = 0,
                        .chars = r.chars,
                        .detail = ""};
    const auto because = decision_.because().find(static_cast<uint32_t>(index));
    if (because != decision_.because().end()) {
      drop.value = because->second.value;
      drop.threshold = because->second.threshold;
      drop.detail = scan_.records()[because->second.keeper].id.hex();
    } else if (r.dropped == Rule::kMix) {
      drop.value = decision_.draw(r);
      drop.threshold = decision_.fraction(r);
    } else {
      const auto values = evaluate(c_.rules, d, analyser_.analyse(d.text));
      const RuleValue* failed = first_failure(values);
      bug_if(failed == nullptr || failed->rule != r.dropped, "a rule changed its mind between two passes");
      drop.value = failed->value;
      drop.threshold = failed->threshold;
      drop.detail = failed->detail;
    }
    return drop;
  }

  const Config& c_;
  const artifact::FrameSet& input_;
  const Scan& scan_;
  const Decision& decision_;
  TextAnalyser analyser_;
  Destinations to_;
};

Result<void> deal_batches(const Config& c, const artifact::FrameSet& input, const std::string& work_folder,
                          const Scan& scan, const Decision& decision, Destinations to, Context& ctx) {
  const CharTable table;
  std::atomic<uint64_t> bytes{0};
  for (size_t b = 0; b < scan.batches().size(); ++b) {
    const Batch batch = scan.batches()[b];
    const std::string path = work_part(work_folder, b);
    if (ctx.env.exists(path)) {
      bytes += bytes_of(input, batch);
      continue;
    }
    std::vector<std::vector<artifact::PackedFrame>> frames(batch.end - batch.begin);
    LEAM_TRY(run_tasks(ctx, frames.size(), [&](size_t i) -> Result<void> {
      Dealer dealer(c, input, scan, decision, table, to);
      frames[i] = LEAM_TRY(dealer.deal(batch.begin + i));
      const uint64_t now = bytes += input.frame(batch.begin + i).bytes;
      ctx.reporter.progress({.what = "corpus: shuffling",
                             .done = static_cast<double>(now),
                             .total = static_cast<double>(input.bytes()),
                             .unit = "bytes",
                             .extra = {}});
      return {};
    }));
    auto writer = LEAM_TRY(artifact::FrameWriter::create(ctx.env, path));
    for (const auto& frame : frames) {
      for (const artifact::PackedFrame& piece : frame) LEAM_TRY(writer->add_frame(piece));
    }
    LEAM_TRY(writer->close());
  }
  return {};
}

// The dealt batches: piece (i, destination) is the text that frame i of the input gave for it.
class Dealt {
 public:
  static Result<Dealt> open(const Env& env, const std::string& work_folder, const Scan& scan,
                            Destinations to) {
    Dealt d;
    d.width_ = to.count();
    for (size_t b = 0; b < scan.batches().size(); ++b) {
      const std::string path = work_part(work_folder, b);
      d.files_.push_back(LEAM_TRY(artifact::FrameReader::open(env, path)));
      const size_t frames = scan.batches()[b].end - scan.batches()[b].begin;
      if (d.files_.back()->frames().size() != frames * d.width_) {
        return Error(ErrorCode::kCorrupt, "corpus.write", fmt::format("{} does not fit this run", path),
                     "delete it and run the stage again; finished parts are kept");
      }
      for (size_t i = 0; i < frames; ++i) d.pieces_.emplace_back(b, i * d.width_);
    }
    return d;
  }
  size_t pieces() const { return pieces_.size(); }
  Result<std::string> read(size_t piece, size_t destination) const {
    const auto [file, first] = pieces_[piece];
    return files_[file]->read_frame(first + destination);
  }

 private:
  size_t width_ = 0;
  std::vector<std::unique_ptr<artifact::FrameReader>> files_;
  std::vector<std::pair<size_t, size_t>> pieces_;
};

struct Line {
  uint64_t key;
  std::string_view text;
  auto operator<=>(const Line&) const = default;
};

Result<void> write_part(const Dealt& dealt, size_t destination, const std::string& path, Context& ctx) {
  std::vector<std::string> pieces(dealt.pieces());
  LEAM_TRY(run_tasks(ctx, pieces.size(), [&](size_t i) -> Result<void> {
    pieces[i] = LEAM_TRY(dealt.read(i, destination));
    return {};
  }));
  std::vector<Line> lines;
  for (const std::string& piece : pieces) {
    LEAM_TRY(artifact::for_each_line_of(piece, [&](std::string_view line, uint64_t) -> Result<void> {
      uint64_t key = 0;
      bug_if(line.size() <= kKeyDigits, "a dealt line has no key");
      std::from_chars(line.data(), line.data() + kKeyDigits, key, 16);
      lines.push_back({key, line.substr(kKeyDigits)});
      return {};
    }));
  }
  std::sort(lines.begin(), lines.end());

  // Cut where FrameWriter::add_line would, then pack on all threads, a few frames at a time.
  std::vector<size_t> starts{0};
  size_t bytes = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t n = lines[i].text.size() + 1;
    if (bytes > 0 && bytes + n > artifact::kFrameBytes) {
      starts.push_back(i);
      bytes = 0;
    }
    bytes += n;
  }
  starts.push_back(lines.size());
  auto writer = LEAM_TRY(artifact::FrameWriter::create(ctx.env, path));
  const size_t wave = 4 * static_cast<size_t>(ctx.pool.threads());
  for (size_t first = 0; first + 1 < starts.size() && !lines.empty(); first += wave) {
    std::vector<artifact::PackedFrame> packed(std::min(wave, starts.size() - 1 - first));
    LEAM_TRY(run_tasks(ctx, packed.size(), [&](size_t k) -> Result<void> {
      std::string text;
      for (size_t i = starts[first + k]; i < starts[first + k + 1]; ++i) text.append(lines[i].text) += '\n';
      packed[k] = LEAM_TRY(artifact::pack_frame(text));
      return {};
    }));
    for (const artifact::PackedFrame& frame : packed) LEAM_TRY(writer->add_frame(frame));
  }
  return writer->close();
}

Result<void> write_drops(const Dealt& dealt, size_t destination, const std::string& path, Context& ctx) {
  auto writer = LEAM_TRY(artifact::FrameWriter::create(ctx.env, path));
  for (size_t i = 0; i < dealt.pieces(); ++i) {
    const std::string text = LEAM_TRY(dealt.read(i, destination));
    LEAM_TRY(artifact::for_each_line_of(
        text, [&](std::string_view line, uint64_t) { return writer->add_line(line); }));
  }
  return writer->close();
}

}  // namespace

Result<void> write_parts(const Config& c, const artifact::FrameSet& input, const std::string& work_folder,
                         const Scan& scan, const Decision& decision, Context& ctx) {
  const Destinations to{parts_for(decision.sampled_bytes(), c.part_bytes),
                        parts_for(decision.heldout_bytes(), c.part_bytes)};
  LEAM_TRY(deal_batches(c, input, work_folder, scan, decision, to, ctx));
  const Dealt dealt = LEAM_TRY(Dealt::open(ctx.env, work_folder, scan, to));
  for (size_t d = 0; d < to.count(); ++d) {
    ctx.reporter.progress({.what = "corpus: writing parts",
                           .done = static_cast<double>(d),
                           .total = static_cast<double>(to.count()),
                           .unit = "parts",
                           .extra = {}});
    const bool heldout = d >= to.parts;
    const std::string name = d == to.drops() ? std::string("drops.jsonl.zst")
                                             : fmt::format("{}-{:05}.jsonl.zst", heldout ? "heldout" : "part",
                                                           heldout ? d - to.parts : d);
    const std::string path = path_join(c.out, name);
    if (ctx.env.exists(path)) continue;
    LEAM_TRY(d == to.drops() ? write_drops(dealt, d, path, ctx) : write_part(dealt, d, path, ctx));
  }
  return {};
}

}  // namespace leam::corpus
