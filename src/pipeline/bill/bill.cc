#include "pipeline/bill/bill.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "base/core/units.h"
#include "base/store/ledger.h"

namespace leam::bill {
namespace {

using store::Entry;
using store::EntryKind;

bool is_month(std::string_view m) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return m.size() == 7 && m[4] == '-' && digit(m[0]) && digit(m[1]) && digit(m[2]) && digit(m[3]) &&
         ((m[5] == '0' && m[6] >= '1' && m[6] <= '9') || (m[5] == '1' && m[6] >= '0' && m[6] <= '2'));
}

void add(Sums& sums, const Entry& e) {
  ++sums.requests;
  sums.prompt_tokens += e.prompt_tokens;
  sums.completion_tokens += e.completion_tokens;
  sums.micro_eur += e.micro_eur;
  sums.microjoules += e.microjoules;
}

// Walks the rows in order and holds only the reservations that are open.
class Audit {
 public:
  explicit Audit(std::string path) : path_(std::move(path)) {}

  Result<void> next(const Entry& e) {
    if (e.seq != last_ + 1) return broken(e, fmt::format("follows row {}", last_));
    last_ = e.seq;
    if (chain_of(chain_, e) != e.chain)
      return broken(e, "was changed, or a row before it: its chain does not fit");
    chain_ = e.chain;
    if (e.prompt_tokens > INT32_MAX || e.completion_tokens > INT32_MAX ||
        e.price.prompt_per_1k > 1'000'000'000 || e.price.completion_per_1k > 1'000'000'000 ||
        e.micro_eur != cost_micro_eur(e.price, e.prompt_tokens, e.completion_tokens)) {
      return broken(e, "has an amount that is not its tokens at its price");
    }
    if (e.kind == EntryKind::kReserve) {
      ++reserved;
      if (!open_.emplace(e.request, e).second) return broken(e, "reserves a request that is open already");
      return {};
    }
    const auto found = open_.find(e.request);
    if (found == open_.end()) return broken(e, "closes a request that is not open");
    const Entry& r = found->second;
    if (e.key_id != r.key_id || e.model != r.model || e.price != r.price ||
        e.prompt_tokens > r.prompt_tokens || e.completion_tokens > r.completion_tokens ||
        e.micro_eur > r.micro_eur) {
      return broken(e, fmt::format("is not covered by its reservation, row {}", r.seq));
    }
    if (e.kind == EntryKind::kAbort && e.micro_eur != 0) return broken(e, "charges for an aborted request");
    ++(e.kind == EntryKind::kSettle ? settled : aborted);
    open_.erase(found);
    return {};
  }

  int64_t rows() const { return last_; }
  int64_t open() const { return static_cast<int64_t>(open_.size()); }
  const std::string& chain() const { return chain_; }
  int64_t reserved = 0, settled = 0, aborted = 0;

 private:
  Error broken(const Entry& e, std::string_view what) const {
    return {ErrorCode::kCorrupt, "bill", fmt::format("{}: row {} ({}) {}", path_, e.seq, e.request, what),
            "the ledger is not as leam wrote it; compare it with a backup before billing"};
  }
  std::string path_, chain_;
  int64_t last_ = 0;
  std::unordered_map<std::string, Entry> open_;
};

json::object to_json(const Sums& s) {
  return {{"requests", s.requests},
          {"prompt_tokens", s.prompt_tokens},
          {"completion_tokens", s.completion_tokens},
          {"total_tokens", s.prompt_tokens + s.completion_tokens},
          {"micro_eur", s.micro_eur},
          {"microjoules", s.microjoules}};
}

}  // namespace

std::string euros(int64_t micro_eur) {
  return fmt::format("{}.{:06}", micro_eur / 1'000'000, micro_eur % 1'000'000);
}

Result<Report> report(const Env& env, const std::string& ledger, const Filter& filter) {
  if (!filter.month.empty() && !is_month(filter.month)) {
    return Error(ErrorCode::kInvalid, "bill", fmt::format("\"{}\" is not a month", filter.month),
                 "write it as 2026-11");
  }
  if (!env.exists(ledger)) {
    return Error(ErrorCode::kNotFound, "bill", fmt::format("there is no ledger at {}", ledger),
                 "`leam serve` makes it; its path is [serve] ledger");
  }
  const auto db = LEAM_TRY(store::Database::open(ledger, {.create = false, .read_only = true}));
  Report out;
  out.ledger = ledger;
  out.filter = filter;
  Audit audit(ledger);
  std::map<std::tuple<std::string, std::string, std::string, std::string>, Sums> groups;
  LEAM_TRY(store::for_each_entry(*db, [&](const Entry& e) -> Result<void> {
    LEAM_TRY(audit.next(e));
    if (e.kind != EntryKind::kSettle) return {};
    const std::string month = iso_time(e.at_us).substr(0, 7);
    if (!filter.month.empty() && month != filter.month) return {};
    if (!filter.key.empty() && filter.key != e.key_name && filter.key != e.key_id) return {};
    if (!filter.model.empty() && filter.model != e.model) return {};
    add(groups[{month, e.key_name, e.key_id, e.model}], e);
    add(out.total, e);
    return {};
  }));
  for (const auto& [at, sums] : groups) {
    out.lines.push_back({std::get<0>(at), std::get<1>(at), std::get<2>(at), std::get<3>(at), sums});
  }
  out.rows = audit.rows();
  out.reserved = audit.reserved;
  out.settled = audit.settled;
  out.aborted = audit.aborted;
  out.open = audit.open();
  out.chain = audit.chain();
  return out;
}

json::object to_json(const Report& r) {
  json::array lines;
  for (const Line& l : r.lines) {
    json::object o{{"month", l.month}, {"key", l.key_name}, {"key_id", l.key_id}, {"model", l.model}};
    for (const auto& [name, value] : to_json(l.sums)) o[name] = value;
    lines.push_back(std::move(o));
  }
  return {{"ledger", r.ledger},
          {"filter", {{"month", r.filter.month}, {"key", r.filter.key}, {"model", r.filter.model}}},
          {"lines", std::move(lines)},
          {"total", to_json(r.total)},
          {"rows",
           {{"all", r.rows},
            {"reserved", r.reserved},
            {"settled", r.settled},
            {"aborted", r.aborted},
            {"open", r.open}}},
          {"chain", r.chain}};
}

std::string to_table(const Report& r) {
  size_t key = 5, model = 5;
  for (const Line& l : r.lines) {
    key = std::max(key, l.key_name.size());
    model = std::max(model, l.model.size());
  }
  std::string out =
      fmt::format("{:<7}  {:<{}}  {:<12}  {:<{}}  {:>9}  {:>12}  {:>12}  {:>14}\n", "month", "key", key,
                  "key id", "model", model, "requests", "prompt", "completion", "EUR");
  const auto line = [&](std::string_view month, std::string_view name, std::string_view id,
                        std::string_view m, const Sums& s) {
    out += fmt::format("{:<7}  {:<{}}  {:<12}  {:<{}}  {:>9}  {:>12}  {:>12}  {:>14}\n", month, name, key, id,
                       m, model, s.requests, s.prompt_tokens, s.completion_tokens, euros(s.micro_eur));
  };
  for (const Line& l : r.lines) line(l.month, l.key_name, l.key_id, l.model, l.sums);
  line("total", "", "", "", r.total);
  out += fmt::format(
      "\n{} rows checked: {} reserved = {} settled + {} aborted + {} open. {:.1f} J estimated.\n"
      "last chain {}\n",
      r.rows, r.reserved, r.settled, r.aborted, r.open, static_cast<double>(r.total.microjoules) / 1e6,
      r.chain.empty() ? "(empty)" : r.chain);
  return out;
}

}  // namespace leam::bill
