#include <fmt/format.h>
#include <sqlite3.h>

#include <map>
#include <mutex>

#include "base/store/database.h"

namespace leam::store {
namespace {

struct CloseDb {
  void operator()(sqlite3* db) const { ::sqlite3_close_v2(db); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* s) const { ::sqlite3_finalize(s); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

ErrorCode code_of(int rc) {
  switch (rc & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::kFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return ErrorCode::kInvalid;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::kDenied;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kUnavailable;
    case SQLITE_CANTOPEN:
      return ErrorCode::kNotFound;
    default:
      return ErrorCode::kIo;
  }
}

std::string hint_of(int rc) {
  switch (rc & 0xff) {
    case SQLITE_FULL:
      return "free space on the disk; nothing half-written was kept";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "this is no SQLite database or it is damaged; restore it from a backup";
    case SQLITE_BUSY:
      return "another process holds the database";
    default:
      return "";
  }
}

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* s) : s_(s) {}
  int64_t integer(int column) const override { return ::sqlite3_column_int64(s_, column); }
  double number(int column) const override { return ::sqlite3_column_double(s_, column); }
  std::string text(int column) const override {
    const auto* bytes = static_cast<const char*>(::sqlite3_column_blob(s_, column));
    const int n = ::sqlite3_column_bytes(s_, column);
    return bytes == nullptr ? std::string() : std::string(bytes, static_cast<size_t>(n));
  }
  bool null(int column) const override { return ::sqlite3_column_type(s_, column) == SQLITE_NULL; }

 private:
  sqlite3_stmt* s_;
};

class Sqlite final : public Database {
 public:
  Sqlite(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  Result<void> set_up(const OpenOptions& options) {
    ::sqlite3_extended_result_codes(db_.get(), 1);
    ::sqlite3_busy_timeout(db_.get(), options.busy_ms);
    // The schema comes from a file: it must not be able to call anything.
    ::sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    ::sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    if (!options.read_only) LEAM_TRY(exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"));
    return exec("PRAGMA foreign_keys=ON; SELECT count(*) FROM sqlite_schema;");
  }

  Result<void> migrate(std::string_view name, std::span<const char* const> migrations) override {
    const std::lock_guard lock(mutex_);
    const auto known = static_cast<int64_t>(migrations.size());
    return transaction([&]() -> Result<void> {
      LEAM_TRY(
          exec("CREATE TABLE IF NOT EXISTS schema_versions("
               "name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;"));
      int64_t version = 0;
      LEAM_TRY(query("SELECT version FROM schema_versions WHERE name = $1", {std::string(name)},
                     [&](const Row& r) { version = r.integer(0); }));
      if (version > known) {
        return Error(ErrorCode::kUnavailable, "store.sqlite",
                     fmt::format("{}: its {} schema has version {}, this leam knows up to {}", path_, name,
                                 version, known),
                     "use the newer leam that made it");
      }
      if (version == known) return {};
      for (int64_t i = version; i < known; ++i) LEAM_TRY(exec(migrations[static_cast<size_t>(i)]));
      LEAM_TRY(
          run("INSERT INTO schema_versions VALUES ($1, $2) "
              "ON CONFLICT(name) DO UPDATE SET version = excluded.version",
              {std::string(name), known}));
      return {};
    });
  }

  Result<int64_t> run(std::string_view sql, const std::vector<Value>& values) override {
    const std::lock_guard lock(mutex_);
    sqlite3_stmt* s = LEAM_TRY(prepared(sql, values));
    int rc = SQLITE_ROW;
    while (rc == SQLITE_ROW) rc = ::sqlite3_step(s);
    if (rc != SQLITE_DONE) {
      Error error = failed(rc, sql);
      ::sqlite3_reset(s);
      return error;
    }
    ::sqlite3_reset(s);
    return static_cast<int64_t>(::sqlite3_changes64(db_.get()));
  }

  Result<void> query(std::string_view sql, const std::vector<Value>& values,
                     const std::function<void(const Row&)>& visit) override {
    const std::lock_guard lock(mutex_);
    sqlite3_stmt* s = LEAM_TRY(prepared(sql, values));
    struct Reset {
      sqlite3_stmt* s;
      ~Reset() { ::sqlite3_reset(s); }
    };
    const Reset reset{s};
    const SqliteRow row(s);
    while (true) {
      const int rc = ::sqlite3_step(s);
      if (rc == SQLITE_DONE) return {};
      if (rc != SQLITE_ROW) return failed(rc, sql);
      visit(row);
    }
  }

  Result<void> transaction(const std::function<Result<void>()>& body) override {
    const std::lock_guard lock(mutex_);
    LEAM_TRY(exec("BEGIN IMMEDIATE"));
    struct Rollback {
      sqlite3* db;
      bool armed = true;
      ~Rollback() {
        if (armed) ::sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
      }
    } rollback{db_.get()};
    LEAM_TRY(body());
    LEAM_TRY(exec("COMMIT"));
    rollback.armed = false;
    return {};
  }

 private:
  Error failed(int rc, std::string_view sql) const {
    return {code_of(rc), "store.sqlite",
            fmt::format("{}: {} (in \"{}\")", path_, ::sqlite3_errmsg(db_.get()), sql.substr(0, 80)),
            hint_of(rc)};
  }

  Result<void> exec(const char* sql) {
    const int rc = ::sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return failed(rc, sql);
    return {};
  }

  Result<sqlite3_stmt*> prepared(std::string_view sql, const std::vector<Value>& values) {
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
      sqlite3_stmt* raw = nullptr;
      const int rc = ::sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
      if (rc != SQLITE_OK) return failed(rc, sql);
      found = statements_.emplace(std::string(sql), Statement(raw)).first;
    }
    sqlite3_stmt* s = found->second.get();
    bug_if(::sqlite3_bind_parameter_count(s) != static_cast<int>(values.size()),
           "a statement with another number of values than placeholders: " + std::string(sql));
    for (size_t i = 0; i < values.size(); ++i) {
      // "$2" is a name to SQLite: placeholders may come in any order in the statement.
      const int at = ::sqlite3_bind_parameter_index(s, fmt::format("${}", i + 1).c_str());
      bug_if(at == 0, "a statement without one of its placeholders: " + std::string(sql));
      int rc = SQLITE_OK;
      if (const auto* n = std::get_if<int64_t>(&values[i])) {
        rc = ::sqlite3_bind_int64(s, at, *n);
      } else if (const auto* d = std::get_if<double>(&values[i])) {
        rc = ::sqlite3_bind_double(s, at, *d);
      } else if (const auto* t = std::get_if<std::string>(&values[i])) {
        rc = ::sqlite3_bind_text64(s, at, t->data(), t->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
      } else {
        rc = ::sqlite3_bind_null(s, at);
      }
      if (rc != SQLITE_OK) return failed(rc, sql);
    }
    return s;
  }

  std::recursive_mutex mutex_;  // a transaction's body calls run() and query()
  std::unique_ptr<sqlite3, CloseDb> db_;
  std::string path_;
  std::map<std::string, Statement, std::less<>> statements_;
};

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::string& path, const OpenOptions& options) {
  sqlite3* raw = nullptr;
  const int access = options.read_only ? SQLITE_OPEN_READONLY
                                       : SQLITE_OPEN_READWRITE | (options.create ? SQLITE_OPEN_CREATE : 0);
  const int rc = ::sqlite3_open_v2(path.c_str(), &raw, access | SQLITE_OPEN_FULLMUTEX, nullptr);
  auto db = std::make_unique<Sqlite>(raw, path);
  if (rc != SQLITE_OK) {
    return Error(code_of(rc), "store.sqlite",
                 fmt::format("cannot open {}: {}", path, raw ? ::sqlite3_errmsg(raw) : "out of memory"),
                 options.create && !options.read_only ? "does its folder exist, and may you write there?"
                                                      : "is the path right?");
  }
  LEAM_TRY(db->set_up(options));
  return std::unique_ptr<Database>(std::move(db));
}

}  // namespace leam::store
