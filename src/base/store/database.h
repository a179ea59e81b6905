// One SQL database behind one small interface: SQLite in a file today, PostgreSQL for many nodes later.
// So: placeholders are $1, $2 …, types are the four of Value, dialect-specific SQL stays in migrations.
//
//   auto db = LEAM_TRY(Database::open("ledger.db"));
//   LEAM_TRY(db->migrate("ledger", kMigrations));
//   LEAM_TRY(db->run("INSERT INTO t VALUES ($1, $2)", {int64_t{1}, "two"}));
//   LEAM_TRY(db->query("SELECT a, b FROM t WHERE a > $1", {int64_t{0}}, [&](const Row& r) { … }));
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/core/result.h"

namespace leam::store {

using Value = std::variant<std::monostate, int64_t, double, std::string>;  // monostate: NULL

// A row while it is visited. Columns count from 0; a NULL reads as 0 or "".
class Row {
 public:
  virtual int64_t integer(int column) const = 0;
  virtual double number(int column) const = 0;
  virtual std::string text(int column) const = 0;
  virtual bool null(int column) const = 0;

 protected:
  ~Row() = default;
};

struct OpenOptions {
  bool create = true;      // false: a missing file is an error
  bool read_only = false;  // another process may write meanwhile
  int busy_ms = 10'000;    // how long to wait for another process's lock
};

// One connection. Every method may be called from any thread; they take turns.
class Database {
 public:
  // Write-ahead log, and a commit returns only when it is on the disk (synchronous=FULL), foreign keys on.
  static Result<std::unique_ptr<Database>> open(const std::string& path, const OpenOptions& options = {});
  virtual ~Database() = default;

  // Brings the schema `name` to its newest version: migrations[i] (one or more statements) makes version
  // i + 1. Each is one transaction with its version number. A database from a newer leam is an error.
  virtual Result<void> migrate(std::string_view name, std::span<const char* const> migrations) = 0;

  // One statement; the number of rows it changed. Statements are prepared once and kept.
  virtual Result<int64_t> run(std::string_view sql, const std::vector<Value>& values = {}) = 0;
  // Calls `visit` for each row; it must not use this database.
  virtual Result<void> query(std::string_view sql, const std::vector<Value>& values,
                             const std::function<void(const Row&)>& visit) = 0;

  // Runs `body` as one transaction that other writers wait for: all of it or, after an error or an
  // exception, nothing. `body` may use this database; other threads wait. Does not nest.
  virtual Result<void> transaction(const std::function<Result<void>()>& body) = 0;
};

}  // namespace leam::store
