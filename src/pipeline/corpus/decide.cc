#include "pipeline/corpus/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/core/units.h"
#include "pipeline/corpus/near.h"

namespace leam::corpus {
namespace {

constexpr const char* kWhere = "corpus";

json::object to_json(const LanguageCounts& c) {
  return {{"documents", c.documents}, {"chars", c.chars}};
}

json::object to_json(const std::map<Rule, LanguageCounts>& rules) {
  json::object out;
  for (const auto& [rule, counts] : rules) out[rule_name(rule)] = to_json(counts);
  return out;
}

}  // namespace

std::string language_name(const Record& r) {
  return r.language().empty() ? "und" : std::string(r.language());
}

Result<Decision> Decision::make(const Config& c, Scan& scan, Context& ctx) {
  std::vector<Record>& records = scan.records();
  if (records.size() >= UINT32_MAX) {
    return Error(ErrorCode::kFull, kWhere,
                 fmt::format("{} documents are more than one corpus can hold", records.size()),
                 "cut the documents into several folders");
  }
  const auto broken = static_cast<double>(std::count_if(
      records.begin(), records.end(), [](const Record& r) { return r.dropped == Rule::kBroken; }));
  if (broken > c.max_broken * static_cast<double>(records.size())) {
    return Error(ErrorCode::kCorrupt, kWhere,
                 fmt::format("{} of {} lines in {} are broken", broken, records.size(), c.documents),
                 "make the documents again, or raise [corpus] max_broken");
  }
  Decision d;
  d.seed_ = c.seed;
  d.heldout_.assign(records.size(), false);
  d.drop_same_ids(scan);
  d.split(c, scan);
  d.drop_exact(c, scan);
  if (c.near_duplicates > 0) LEAM_TRY(d.drop_near(c, scan, ctx));
  return d;
}

void Decision::drop(Scan& scan, uint32_t record, Rule rule, Because because) {
  scan.records()[record].dropped = rule;
  because_[record] = because;
}

// The same page fetched twice: the first of the input stays.
void Decision::drop_same_ids(Scan& scan) {
  std::vector<uint32_t> order;
  const std::vector<Record>& records = scan.records();
  for (uint32_t i = 0; i < records.size(); ++i) {
    if (records[i].kept()) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return records[a].id != records[b].id ? records[a].id < records[b].id : a < b;
  });
  uint32_t keeper = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    if (k > 0 && records[order[k]].id == records[keeper].id) {
      drop(scan, order[k], Rule::kDuplicateId, {keeper, 1, 1});
    } else {
      keeper = order[k];
    }
  }
}

void Decision::split(const Config& c, const Scan& scan) {
  std::vector<SplitDocument> documents;
  std::vector<uint32_t> index;
  std::map<std::string_view, uint32_t> languages;
  for (uint32_t i = 0; i < scan.records().size(); ++i) {
    const Record& r = scan.records()[i];
    if (!r.kept()) continue;
    const auto [it, added] = languages.try_emplace(r.language(), static_cast<uint32_t>(languages.size()));
    documents.push_back({r.id, r.chars, it->second});
    index.push_back(i);
  }
  const std::vector<bool> chosen = choose_heldout(c.split, c.seed, documents);
  for (size_t k = 0; k < index.size(); ++k) heldout_[index[k]] = chosen[k];
}

void Decision::drop_exact(const Config& c, Scan& scan) {
  std::vector<uint32_t> order;
  const std::vector<Record>& records = scan.records();
  for (uint32_t i = 0; i < records.size(); ++i) {
    if (records[i].kept()) order.push_back(i);
  }
  // Held-out documents first, so that they are the ones that stay.
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    if (records[a].text != records[b].text) return records[a].text < records[b].text;
    return heldout_[a] != heldout_[b] ? bool(heldout_[a]) : a < b;
  });
  uint32_t keeper = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    const uint32_t i = order[k];
    if (k == 0 || records[i].text != records[keeper].text) {
      keeper = i;
    } else if (heldout_[keeper] && !heldout_[i]) {
      drop(scan, i, Rule::kHeldoutCopy, {keeper, 1, 1});
    } else if (c.exact_duplicates) {
      drop(scan, i, Rule::kExactDuplicate, {keeper, 1, 1});
    }
  }
}

Result<void> Decision::drop_near(const Config& c, Scan& scan, Context& ctx) {
  std::vector<uint32_t> order;  // held out first, then as they come
  for (const bool wanted : {true, false}) {
    for (uint32_t i = 0; i < heldout_.size(); ++i) {
      if (heldout_[i] == wanted && scan.records()[i].kept()) order.push_back(i);
    }
  }
  const MinHash minhash(c.minhash);
  const auto signature_of = [&](uint32_t k) { return scan.signature(order[k]); };
  for (const NearDuplicate& n : LEAM_TRY(near_duplicates(static_cast<uint32_t>(order.size()), signature_of,
                                                         minhash, c.near_duplicates, ctx))) {
    const uint32_t dropped = order[n.document], keeper = order[n.keeper];
    const bool leak = heldout_[keeper] && !heldout_[dropped];
    drop(scan, dropped, leak ? Rule::kHeldoutCopy : Rule::kNearDuplicate,
         {keeper, n.similarity, c.near_duplicates});
  }
  return {};
}

Result<void> Decision::mix(const Config& c, Scan& scan) {
  std::vector<Record>& records = scan.records();
  for (size_t i = 0; i < records.size(); ++i) {
    LanguagePlan& l = languages_[language_name(records[i])];
    l.in.add(records[i]);
    if (!records[i].kept()) {
      l.dropped[records[i].dropped].add(records[i]);
    } else if (heldout_[i]) {
      l.heldout.add(records[i]);
      heldout_bytes_ += records[i].line_bytes;
    } else {
      l.kept.add(records[i]);
    }
  }
  std::vector<uint64_t> chars;
  for (const auto& [name, l] : languages_) chars.push_back(l.kept.chars);
  const std::vector<double> epochs = mix_epochs(c.mix, chars);
  size_t k = 0;
  for (auto& [name, l] : languages_) l.epochs = epochs[k++];
  for (size_t i = 0; i < records.size(); ++i) {
    Record& r = records[i];
    if (!r.kept() || heldout_[i]) continue;
    LanguagePlan& l = languages_[language_name(r)];
    const uint32_t n = copies(r);
    l.sampled.documents += n;
    l.sampled.chars += uint64_t{n} * r.chars;
    sampled_bytes_ += uint64_t{n} * r.line_bytes;
    if (n > 0) continue;
    r.dropped = Rule::kMix;
    l.dropped[Rule::kMix].add(r);
  }
  if (sampled_bytes_ > 0) return {};
  std::map<Rule, LanguageCounts> all;
  for (const auto& [name, l] : languages_) {
    for (const auto& [rule, n] : l.dropped) all[rule].documents += n.documents;
  }
  std::string why;
  for (const auto& [rule, n] : all)
    why += fmt::format("{}{} {}", why.empty() ? "" : ", ", rule_name(rule), n.documents);
  return Error(ErrorCode::kInvalid, kWhere,
               records.empty() ? fmt::format("no document in {}", c.documents)
                               : fmt::format("no document of {} is left to train on (dropped: {})",
                                             records.size(), why.empty() ? "none, all held out" : why),
               records.empty() ? "look at what [crawl] inputs name" : "change [corpus] or [corpus.rules]");
}

uint32_t Decision::copies(const Record& r) const {
  return copies_of(r.id, languages_.at(language_name(r)).epochs, seed_).count;
}
double Decision::draw(const Record& r) const {
  return copies_of(r.id, 0, seed_).draw;
}
double Decision::fraction(const Record& r) const {
  const double epochs = languages_.at(language_name(r)).epochs;
  return epochs - std::floor(epochs);
}

json::object Decision::counts() const {
  LanguageCounts in, kept, heldout, sampled;
  std::map<Rule, LanguageCounts> dropped;
  json::object languages;
  const auto sum = [](LanguageCounts& into, const LanguageCounts& from) {
    into.documents += from.documents;
    into.chars += from.chars;
  };
  for (const auto& [name, l] : languages_) {
    sum(in, l.in), sum(kept, l.kept), sum(heldout, l.heldout), sum(sampled, l.sampled);
    for (const auto& [rule, n] : l.dropped) sum(dropped[rule], n);
    languages[name] = {
        {"in", to_json(l.in)},           {"available", to_json(l.kept)},  {"epochs", l.epochs},
        {"sampled", to_json(l.sampled)}, {"heldout", to_json(l.heldout)}, {"dropped", to_json(l.dropped)}};
  }
  uint64_t drops = 0;
  for (const auto& [rule, n] : dropped) drops += n.documents;
  return {{"documents_in", in.documents},
          {"documents", sampled.documents},
          {"chars", sampled.chars},
          {"heldout_documents", heldout.documents},
          {"heldout_chars", heldout.chars},
          {"dropped", drops},
          {"chars_in", in.chars},
          {"rules", to_json(dropped)},
          {"languages", std::move(languages)}};
}

std::vector<std::string> Decision::table() const {
  std::vector<std::string> out{fmt::format("{:<8} {:>10} {:>10} {:>10} {:>10} {:>7} {:>10}", "language",
                                           "documents", "chars", "held out", "available", "epochs",
                                           "sampled")};
  const auto chars = [](uint64_t n) { return human_count(static_cast<double>(n)); };
  for (const auto& [name, l] : languages_) {
    out.push_back(fmt::format("{:<8} {:>10} {:>10} {:>10} {:>10} {:>7.2f} {:>10}", name, l.in.documents,
                              chars(l.in.chars), chars(l.heldout.chars), chars(l.kept.chars), l.epochs,
                              chars(l.sampled.chars)));
  }
  return out;
}

}  // namespace leam::corpus
