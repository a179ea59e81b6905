// The usage ledger: what was reserved, what was delivered, what it costs. Append-only rows in the store,
// integer micro-euros, each row chained to the one before by SHA-256. Layout and rules:
// docs/formats/ledger.md.
//
// A request is reserved before any work is done for it, and closed by exactly one of
//   settle   what was delivered, at the reserved price; never more than was reserved
//   abort    nothing charged: the server died or failed between
// Both are on the disk before their callback is called. Rows that come while the disk is busy share the
// next commit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/core/env.h"
#include "base/core/result.h"
#include "base/store/database.h"

namespace leam::store {

enum class EntryKind { kReserve, kSettle, kAbort };
std::string_view to_string(EntryKind kind);

// Micro-euros for 1,000 tokens.
struct Price {
  int64_t prompt_per_1k = 0, completion_per_1k = 0;
  bool operator==(const Price&) const = default;
};

// (prompt · price + completion · price) / 1000, rounded down once a request: nobody pays more than tokens
// times price, and an invoice is the plain sum of its rows. Tokens < 2^31, prices ≤ 10^9.
int64_t cost_micro_eur(const Price& price, int64_t prompt_tokens, int64_t completion_tokens);

struct Entry {
  int64_t seq = 0;  // 1, 2, 3 … without gaps; given by the ledger
  EntryKind kind = EntryKind::kReserve;
  std::string request;  // unique
  int64_t at_us = 0;    // microseconds since 1970
  std::string key_id, key_name;
  std::string model;       // the name clients use
  std::string model_hash;  // content hash of the model folder, for lineage
  Price price;
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;  // reserve: the most that can be generated
  int64_t micro_eur = 0;          // reserve: the most that can be charged
  int64_t microjoules = 0;        // settle: energy of the request
  std::string energy;             // "estimated" or "measured"; empty on reserve
  std::string outcome;            // settle: "stop", "length", "disconnected", …; abort: why
  std::string chain;              // SHA-256 over the row before's chain and this row, hex
};

// What an Entry's chain must be, after a row whose chain is `previous` (empty before the first).
std::string chain_of(std::string_view previous, const Entry& entry);

// Every row in order of seq.
Result<void> for_each_entry(Database& db, const std::function<Result<void>(const Entry&)>& visit);

// Brings a database up to the ledger's newest schema; what Ledger::open and readers call.
Result<void> migrate_ledger(Database& db);

class Ledger {
 public:
  using Done = std::function<void(Result<Entry>)>;

  // The one writer of the ledger in `path`: a second one is an error, also from another process.
  // Reservations left open by a writer that died are aborted before this returns.
  static Result<std::unique_ptr<Ledger>> open(Env& env, const std::string& path);
  virtual ~Ledger() = default;  // writes what was handed in, then closes

  // The rest of the row (kind, seq, at_us, micro_eur, chain) is filled in. `done` is called on the ledger's
  // thread when the row is on the disk, or with the error that kept it from there.
  virtual void reserve(Entry entry, Done done) = 0;
  virtual void settle(Entry entry, Done done) = 0;
  virtual void abort(Entry entry, Done done) = 0;

  virtual int64_t recovered() const = 0;  // reservations that open() aborted
  virtual uint64_t commits() const = 0;
  virtual uint64_t rows() const = 0;  // appended by this writer
};

}  // namespace leam::store
