#include "pipeline/corpus/scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "base/text/utf8.h"

namespace leam::corpus {
namespace {

constexpr const char* kWhere = "corpus.scan";
constexpr std::string_view kMagic("LEAMSCN1", 8);

// What one frame gives.
struct FrameScan {
  std::vector<Record> records;
  std::vector<uint32_t> signatures;
};

// Everything that is made once and used by all threads.
struct Tools {
  CharTable chars;
  MinHash minhash;
  explicit Tools(const Config& c) : minhash(c.minhash) {}
};

Record scan_document(const Config& c, const Tools& tools, TextAnalyser& analyser, const artifact::Document& d,
                     size_t line_bytes, std::vector<uint32_t>& signatures) {
  const TextStats stats = analyser.analyse(d.text);
  Record r;
  r.id = id_hash(d.id);
  r.chars = static_cast<uint32_t>(std::min<uint64_t>(stats.chars, UINT32_MAX));
  r.line_bytes = static_cast<uint32_t>(line_bytes + 1);
  std::memcpy(r.lang, d.lang.data(), std::min(d.lang.size(), sizeof(r.lang)));
  const std::vector<RuleValue> values = evaluate(c.rules, d, stats);
  if (const RuleValue* failed = first_failure(values)) {
    r.dropped = failed->rule;
    return r;
  }
  r.text = normalised_hash(d.text, tools.chars);
  if (c.near_duplicates > 0) {
    const size_t places = c.minhash.places();
    r.signature = static_cast<uint32_t>(signatures.size() / places);
    signatures.resize(signatures.size() + places);
    tools.minhash.sign(analyser.runs(c.minhash.shingle), std::span(signatures).last(places));
  }
  return r;
}

Result<FrameScan> scan_frame(const Config& c, const Tools& tools, const artifact::FrameSet& input,
                             size_t frame, std::atomic<uint64_t>& broken, Context& ctx) {
  const std::string text = LEAM_TRY(input.read(frame));
  FrameScan out;
  out.records.reserve(input.frame(frame).lines);
  TextAnalyser analyser(tools.chars);
  LEAM_TRY(artifact::for_each_line_of(text, [&](std::string_view line, uint64_t number) -> Result<void> {
    const std::string where = input.where(frame, number);
    auto document = artifact::document_from_line(line, where);
    if (document.ok()) {
      out.records.push_back(scan_document(c, tools, analyser, *document, line.size(), out.signatures));
      return {};
    }
    // A broken line loses nothing but itself.
    if (broken.fetch_add(1) < 10) ctx.reporter.warn(document.error().what() + " (skipped)");
    Record r;
    r.id = id_hash(where);
    r.line_bytes = static_cast<uint32_t>(line.size() + 1);
    r.dropped = Rule::kBroken;
    out.records.push_back(r);
    return {};
  }));
  return out;
}

void append(std::string& out, const void* data, size_t bytes) {
  out.append(static_cast<const char*>(data), bytes);
}

// magic, places, frames, records, signatures; records of each frame; records; signatures; XXH3-64.
std::string pack(const std::vector<FrameScan>& frames, size_t places) {
  std::string out(kMagic);
  uint64_t records = 0, words = 0;
  for (const FrameScan& f : frames) records += f.records.size(), words += f.signatures.size();
  const uint64_t head[] = {places, frames.size(), records, words / places};
  append(out, head, sizeof(head));
  for (const FrameScan& f : frames) {
    const uint64_t n = f.records.size();
    append(out, &n, sizeof(n));
  }
  uint32_t before = 0;
  for (const FrameScan& f : frames) {
    for (Record r : f.records) {
      r.signature += before;
      append(out, &r, sizeof(r));
    }
    before += static_cast<uint32_t>(f.signatures.size() / places);
  }
  for (const FrameScan& f : frames) append(out, f.signatures.data(), f.signatures.size() * sizeof(uint32_t));
  const uint64_t hash = hash64(out);
  append(out, &hash, sizeof(hash));
  return out;
}

std::string scan_path(const std::string& work_folder, size_t batch) {
  return path_join(work_folder, fmt::format("scan-{:06}.bin", batch));
}

}  // namespace

std::string_view Record::language() const {
  return {lang, ::strnlen(lang, sizeof(lang))};
}

Hash128 id_hash(std::string_view id) {
  return Hash128::from_hex(id).value_or(hash128(id));
}

std::vector<Batch> cut_batches(const artifact::FrameSet& input, uint64_t batch_bytes) {
  std::vector<Batch> out;
  uint64_t bytes = 0;
  for (size_t i = 0; i < input.size(); ++i) {
    if (out.empty() || bytes >= batch_bytes) {
      out.push_back({i, i});
      bytes = 0;
    }
    out.back().end = i + 1;
    bytes += input.frame(i).bytes;
  }
  return out;
}

uint64_t bytes_of(const artifact::FrameSet& input, Batch batch) {
  uint64_t bytes = 0;
  for (size_t i = batch.begin; i < batch.end; ++i) bytes += input.frame(i).bytes;
  return bytes;
}

Result<Scan> Scan::make(const Config& c, const artifact::FrameSet& input, const std::string& work_folder,
                        Context& ctx) {
  Scan scan;
  scan.places_ = c.minhash.places();
  scan.batches_ = cut_batches(input, c.batch_bytes);
  const Tools tools(c);
  uint64_t done_bytes = 0;
  for (size_t b = 0; b < scan.batches_.size(); ++b) {
    const Batch batch = scan.batches_[b];
    const std::string path = scan_path(work_folder, b);
    if (!ctx.env.exists(path)) {
      std::vector<FrameScan> frames(batch.end - batch.begin);
      std::atomic<uint64_t> bytes{done_bytes}, broken{0};
      LEAM_TRY(run_tasks(ctx, frames.size(), [&](size_t i) -> Result<void> {
        frames[i] = LEAM_TRY(scan_frame(c, tools, input, batch.begin + i, broken, ctx));
        const uint64_t now = bytes += input.frame(batch.begin + i).bytes;
        ctx.reporter.progress({.what = "corpus: reading documents",
                               .done = static_cast<double>(now),
                               .total = static_cast<double>(input.bytes()),
                               .unit = "bytes",
                               .extra = {}});
        return {};
      }));
      LEAM_TRY(ctx.env.write_atomic(path, pack(frames, scan.places_)));
    }
    done_bytes += bytes_of(input, batch);
    LEAM_TRY(scan.load(ctx.env, path, b));
  }
  scan.frame_start_.push_back(scan.records_.size());
  return scan;
}

Result<void> Scan::load(const Env& env, const std::string& path, size_t batch) {
  auto file = LEAM_TRY(env.map(path));
  const std::string_view bytes = file->bytes();
  const auto broken = [&] {
    return Error(ErrorCode::kCorrupt, kWhere, fmt::format("{} is damaged", path),
                 "delete it and run the stage again; finished parts are kept");
  };
  uint64_t head[4];
  const size_t start = kMagic.size() + sizeof(head);
  if (bytes.size() < start + sizeof(uint64_t) || !bytes.starts_with(kMagic)) return broken();
  uint64_t hash = 0;
  std::memcpy(&hash, bytes.data() + bytes.size() - sizeof(hash), sizeof(hash));
  if (hash != hash64(bytes.substr(0, bytes.size() - sizeof(hash)))) return broken();
  std::memcpy(head, bytes.data() + kMagic.size(), sizeof(head));
  const auto [places, frames, records, signatures] = head;
  const Batch& b = batches_[batch];
  if (places != places_ || frames != b.end - b.begin ||
      bytes.size() != start + frames * 8 + records * sizeof(Record) + signatures * places * 4 + 8)
    return broken();

  const char* at = bytes.data() + start;
  batch_start_.push_back(records_.size());
  uint64_t first = records_.size();
  for (uint64_t i = 0; i < frames; ++i, at += 8) {
    uint64_t n = 0;
    std::memcpy(&n, at, sizeof(n));
    frame_start_.push_back(first);
    first += n;
  }
  if (first != records_.size() + records) return broken();
  const size_t old = records_.size();
  records_.resize(old + records);
  std::memcpy(static_cast<void*>(records_.data() + old), at, records * sizeof(Record));
  // Everything before is a multiple of 8 bytes and a map starts at a page.
  signatures_.push_back(reinterpret_cast<const uint32_t*>(at + records * sizeof(Record)));
  files_.push_back(std::move(file));
  return {};
}

std::span<const uint32_t> Scan::signature(size_t record) const {
  const auto after = std::upper_bound(batch_start_.begin(), batch_start_.end(), record);
  const auto batch = static_cast<size_t>(after - batch_start_.begin()) - 1;
  return {signatures_[batch] + size_t{records_[record].signature} * places_, places_};
}

Result<void> run_tasks(Context& ctx, size_t n, const std::function<Result<void>(size_t)>& task) {
  std::mutex mutex;
  std::atomic<bool> failed{false};
  size_t failed_at = n;
  Result<void> result;
  ctx.pool.run(n, [&](size_t i) {
    if (failed.load(std::memory_order_relaxed) || ctx.stop.requested()) return;
    Result<void> r = task(i);
    if (r.ok()) return;
    const std::lock_guard lock(mutex);
    failed = true;
    if (i < failed_at) {
      failed_at = i;
      result = std::move(r);
    }
  });
  LEAM_TRY(std::move(result));
  return ctx.stop.check("corpus", "finished parts are kept; the same command goes on where it stopped");
}

}  // namespace leam::corpus
