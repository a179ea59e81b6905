#include "pipeline/corpus/leak.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

namespace leam::corpus {
namespace {

// A run of words in more held-out documents than this is boilerplate.
constexpr size_t kBoilerplate = 16;
// A document with fewer telling runs than this cannot be judged.
constexpr uint32_t kMinRuns = 8;

struct Posting {
  uint64_t run;
  uint32_t document;  // number among the held-out documents
  auto operator<=>(const Posting&) const = default;
};

struct Hit {
  uint32_t record, keeper;
  double value;
};
static_assert(sizeof(Hit) == 16);

// Which held-out documents hold a run of words. Sorted postings behind a table of the upper bits.
class HeldoutRuns {
 public:
  HeldoutRuns(std::vector<Posting> postings, size_t documents) : runs_(documents, 0) {
    std::sort(postings.begin(), postings.end());
    for (size_t i = 0; i < postings.size();) {
      size_t end = i;
      while (end < postings.size() && postings[end].run == postings[i].run) ++end;
      if (end - i > kBoilerplate) {
        boilerplate_.push_back(postings[i].run);
      } else {
        for (size_t k = i; k < end; ++k) {
          postings_.push_back(postings[k]);
          ++runs_[postings[k].document];
        }
      }
      i = end;
    }
    shift_ = 64 - std::max(1, static_cast<int>(std::bit_width(postings_.size())));
    start_.assign((size_t{1} << (64 - shift_)) + 1, 0);
    for (const Posting& p : postings_) ++start_[(p.run >> shift_) + 1];
    for (size_t i = 1; i < start_.size(); ++i) start_[i] += start_[i - 1];
  }

  bool boilerplate(uint64_t run) const {
    return std::binary_search(boilerplate_.begin(), boilerplate_.end(), run);
  }
  uint32_t runs(uint32_t document) const { return runs_[document]; }
  size_t documents() const { return runs_.size(); }

  template <class Visit>
  void find(uint64_t run, Visit visit) const {
    const size_t slot = run >> shift_;
    for (uint32_t i = start_[slot]; i < start_[slot + 1]; ++i) {
      if (postings_[i].run == run) visit(postings_[i].document);
    }
  }

 private:
  std::vector<Posting> postings_;
  std::vector<uint32_t> start_, runs_;
  std::vector<uint64_t> boilerplate_;
  int shift_ = 0;
};

// Calls `visit(document, record)` for the lines of a frame whose record `wanted` names.
template <class Wanted, class Visit>
Result<void> for_records(const artifact::FrameSet& input, const Scan& scan, size_t frame, Wanted wanted,
                         Visit visit) {
  const uint64_t first = scan.frame_start()[frame], end = scan.frame_start()[frame + 1];
  bool any = false;
  for (uint64_t r = first; r < end && !any; ++r) any = wanted(r);
  if (!any) return {};
  const std::string text = LEAM_TRY(input.read(frame));
  uint64_t record = first;
  return artifact::for_each_line_of(text, [&](std::string_view line, uint64_t number) -> Result<void> {
    const uint64_t r = record++;
    if (!wanted(r)) return {};
    visit(LEAM_TRY(artifact::document_from_line(line, input.where(frame, number))), static_cast<uint32_t>(r));
    return {};
  });
}

// Scratch memory of one thread: how many runs are shared with each held-out document.
struct Shared {
  std::vector<uint32_t> count, touched;
};

// The held-out document this one leaks most of.
Hit worst(const HeldoutRuns& runs, const std::vector<uint64_t>& shingles,
          const std::vector<uint32_t>& records, Shared& shared, uint32_t record) {
  shared.count.resize(runs.documents(), 0);
  uint32_t telling = 0;
  for (const uint64_t run : shingles) {
    bool found = false;
    runs.find(run, [&](uint32_t document) {
      if (shared.count[document]++ == 0) shared.touched.push_back(document);
      found = true;
    });
    telling += found || !runs.boilerplate(run);
  }
  Hit hit{record, record, 0};
  std::sort(shared.touched.begin(), shared.touched.end());
  for (const uint32_t d : shared.touched) {
    const uint32_t n = std::exchange(shared.count[d], 0);
    const auto share_of = [&](uint32_t all) {
      return all < kMinRuns ? 0.0 : static_cast<double>(n) / static_cast<double>(all);
    };
    const double value = std::max(share_of(runs.runs(d)), share_of(telling));
    if (value > hit.value) hit = {record, records[d], value};
  }
  shared.touched.clear();
  return hit;
}

constexpr std::string_view kMagic("LEAMLEK1", 8);

std::string pack(const std::vector<std::vector<Hit>>& frames) {
  std::string out(kMagic);
  for (const auto& hits : frames)
    out.append(reinterpret_cast<const char*>(hits.data()), hits.size() * sizeof(Hit));
  const uint64_t hash = hash64(out);
  return out.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
}

Result<std::vector<Hit>> unpack(const Env& env, const std::string& path) {
  const std::string bytes = LEAM_TRY(env.read_file(path));
  uint64_t hash = 0;
  const size_t body = bytes.size() - std::min(bytes.size(), sizeof(hash));
  std::memcpy(&hash, bytes.data() + body, bytes.size() - body);
  if (body < kMagic.size() || !bytes.starts_with(kMagic) || (body - kMagic.size()) % sizeof(Hit) != 0 ||
      hash != hash64(std::string_view(bytes).substr(0, body))) {
    return Error(ErrorCode::kCorrupt, "corpus.leak", fmt::format("{} is damaged", path),
                 "delete it and run the stage again; finished parts are kept");
  }
  std::vector<Hit> hits((body - kMagic.size()) / sizeof(Hit));
  if (!hits.empty()) std::memcpy(hits.data(), bytes.data() + kMagic.size(), body - kMagic.size());
  return hits;
}

}  // namespace

Result<void> drop_leaks(const Config& c, const artifact::FrameSet& input, const std::string& work_folder,
                        Scan& scan, Decision& decision, Context& ctx) {
  std::vector<uint32_t> heldout;  // their records
  for (uint32_t r = 0; r < scan.records().size(); ++r) {
    if (decision.heldout(r) && scan.records()[r].kept()) heldout.push_back(r);
  }
  if (heldout.empty() || c.heldout_overlap >= 1) return {};
  const CharTable table;

  std::vector<std::vector<Posting>> found(input.size());
  LEAM_TRY(run_tasks(ctx, input.size(), [&](size_t frame) {
    TextAnalyser analyser(table);
    const auto wanted = [&](uint64_t r) { return decision.heldout(r) && scan.records()[r].kept(); };
    return for_records(input, scan, frame, wanted, [&](const artifact::Document& d, uint32_t record) {
      const auto number =
          static_cast<uint32_t>(std::lower_bound(heldout.begin(), heldout.end(), record) - heldout.begin());
      analyser.analyse(d.text);
      for (const uint64_t run : analyser.shingles(c.minhash.shingle)) found[frame].push_back({run, number});
    });
  }));
  std::vector<Posting> postings;
  for (auto& f : found) postings.insert(postings.end(), f.begin(), f.end());
  const HeldoutRuns runs(std::move(postings), heldout.size());

  std::vector<Hit> hits;
  std::atomic<uint64_t> bytes{0};
  for (size_t b = 0; b < scan.batches().size(); ++b) {
    const Batch batch = scan.batches()[b];
    const std::string path = path_join(work_folder, fmt::format("leak-{:06}.bin", b));
    if (!ctx.env.exists(path)) {
      std::vector<std::vector<Hit>> frames(batch.end - batch.begin);
      LEAM_TRY(run_tasks(ctx, frames.size(), [&](size_t i) -> Result<void> {
        TextAnalyser analyser(table);
        Shared shared;
        const auto wanted = [&](uint64_t r) { return !decision.heldout(r) && scan.records()[r].kept(); };
        LEAM_TRY(for_records(
            input, scan, batch.begin + i, wanted, [&](const artifact::Document& d, uint32_t record) {
              analyser.analyse(d.text);
              const Hit hit = worst(runs, analyser.shingles(c.minhash.shingle), heldout, shared, record);
              if (hit.value >= c.heldout_overlap) frames[i].push_back(hit);
            }));
        const uint64_t now = bytes += input.frame(batch.begin + i).bytes;
        ctx.reporter.progress({.what = "corpus: looking for copies of held-out pages",
                               .done = static_cast<double>(now),
                               .total = static_cast<double>(input.bytes()),
                               .unit = "bytes",
                               .extra = {}});
        return {};
      }));
      LEAM_TRY(ctx.env.write_atomic(path, pack(frames)));
    } else {
      bytes += bytes_of(input, batch);
    }
    const std::vector<Hit> batch_hits = LEAM_TRY(unpack(ctx.env, path));
    hits.insert(hits.end(), batch_hits.begin(), batch_hits.end());
  }
  for (const Hit& h : hits) {
    bug_if(h.record >= scan.records().size() || h.keeper >= scan.records().size(), "a leak names no record");
    decision.drop(scan, h.record, Rule::kHeldoutCopy, {h.keeper, h.value, c.heldout_overlap});
  }
  return {};
}

}  // namespace leam::corpus
