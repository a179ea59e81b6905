#include "base/store/ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/core/json.h"
#include "base/store/sha256.h"

namespace leam::store {
namespace {

constexpr const char* kMigrations[] = {
    // 1
    "CREATE TABLE ledger("
    "  seq INTEGER PRIMARY KEY,"
    "  kind TEXT NOT NULL CHECK (kind IN ('reserve', 'settle', 'abort')),"
    "  request TEXT NOT NULL,"
    "  at_us INTEGER NOT NULL,"
    "  key_id TEXT NOT NULL,"
    "  key_name TEXT NOT NULL,"
    "  model TEXT NOT NULL,"
    "  model_hash TEXT NOT NULL,"
    "  price_prompt INTEGER NOT NULL CHECK (price_prompt >= 0),"
    "  price_completion INTEGER NOT NULL CHECK (price_completion >= 0),"
    "  prompt_tokens INTEGER NOT NULL CHECK (prompt_tokens >= 0),"
    "  completion_tokens INTEGER NOT NULL CHECK (completion_tokens >= 0),"
    "  micro_eur INTEGER NOT NULL CHECK (micro_eur >= 0),"
    "  microjoules INTEGER NOT NULL CHECK (microjoules >= 0),"
    "  energy TEXT NOT NULL,"
    "  outcome TEXT NOT NULL,"
    "  chain TEXT NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX ledger_reserve ON ledger(request) WHERE kind = 'reserve';"
    "CREATE UNIQUE INDEX ledger_close ON ledger(request) WHERE kind <> 'reserve';"
    "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN"
    "  SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    "CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN"
    "  SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    "CREATE TRIGGER ledger_covered BEFORE INSERT ON ledger WHEN NEW.kind <> 'reserve' AND NOT EXISTS ("
    "  SELECT 1 FROM ledger r WHERE r.request = NEW.request AND r.kind = 'reserve'"
    "    AND NEW.prompt_tokens <= r.prompt_tokens AND NEW.completion_tokens <= r.completion_tokens"
    "    AND NEW.micro_eur <= r.micro_eur) BEGIN"
    "  SELECT RAISE(ABORT, 'no reservation covers this row'); END;"};

constexpr const char* kColumns =
    "seq, kind, request, at_us, key_id, key_name, model, model_hash, price_prompt, price_completion, "
    "prompt_tokens, completion_tokens, micro_eur, microjoules, energy, outcome, chain";

Result<EntryKind> kind_from(std::string_view name, int64_t seq) {
  for (const EntryKind k : {EntryKind::kReserve, EntryKind::kSettle, EntryKind::kAbort}) {
    if (to_string(k) == name) return k;
  }
  return Error(ErrorCode::kCorrupt, "store.ledger", fmt::format("row {}: unknown kind \"{}\"", seq, name));
}

Result<Entry> entry_from(const Row& r) {
  Entry e;
  e.seq = r.integer(0);
  e.kind = LEAM_TRY(kind_from(r.text(1), e.seq));
  e.request = r.text(2);
  e.at_us = r.integer(3);
  e.key_id = r.text(4);
  e.key_name = r.text(5);
  e.model = r.text(6);
  e.model_hash = r.text(7);
  e.price = {r.integer(8), r.integer(9)};
  e.prompt_tokens = r.integer(10);
  e.completion_tokens = r.integer(11);
  e.micro_eur = r.integer(12);
  e.microjoules = r.integer(13);
  e.energy = r.text(14);
  e.outcome = r.text(15);
  e.chain = r.text(16);
  return e;
}

// Held for as long as a writer lives; the system lets go of it when the process dies.
class LockFile {
 public:
  static Result<LockFile> take(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
      return Error(ErrorCode::kIo, "store.ledger",
                   fmt::format("cannot open {}: {}", path, std::strerror(errno)),
                   "does its folder exist, and may you write there?");
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd);
      return Error(ErrorCode::kUnavailable, "store.ledger",
                   fmt::format("another server writes this ledger ({} is locked)", path),
                   "stop it first, or give this one a ledger of its own ([serve] ledger)");
    }
    return LockFile(fd);
  }
  LockFile(LockFile&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  LockFile& operator=(LockFile&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~LockFile() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;
};

class StoreLedger final : public Ledger {
 public:
  StoreLedger(Env& env, LockFile lock, std::unique_ptr<Database> db)
      : env_(env), lock_(std::move(lock)), db_(std::move(db)) {}

  ~StoreLedger() override {
    {
      const std::lock_guard lock(mutex_);
      quit_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  Result<void> begin() {
    LEAM_TRY(migrate_ledger(*db_));
    LEAM_TRY(recover());
    thread_ = std::thread([this] { loop(); });
    return {};
  }

  void reserve(Entry entry, Done done) override {
    push(EntryKind::kReserve, std::move(entry), std::move(done));
  }
  void settle(Entry entry, Done done) override {
    push(EntryKind::kSettle, std::move(entry), std::move(done));
  }
  void abort(Entry entry, Done done) override { push(EntryKind::kAbort, std::move(entry), std::move(done)); }
  int64_t recovered() const override { return recovered_; }
  uint64_t commits() const override { return commits_.load(std::memory_order_relaxed); }
  uint64_t rows() const override { return rows_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    Entry entry;
    Done done;
  };

  void push(EntryKind kind, Entry entry, Done done) {
    entry.kind = kind;
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back({std::move(entry), std::move(done)});
    }
    wake_.notify_one();
  }

  Result<void> recover() {
    std::vector<Entry> open;
    Result<void> bad;
    LEAM_TRY(db_->query(fmt::format("SELECT {} FROM ledger r WHERE kind = 'reserve' AND NOT EXISTS (SELECT 1 "
                                    "FROM ledger c WHERE c.request = r.request AND c.kind <> 'reserve') "
                                    "ORDER BY seq",
                                    kColumns),
                        {}, [&](const Row& r) {
                          auto e = entry_from(r);
                          if (e.ok()) {
                            open.push_back(std::move(*e));
                          } else {
                            bad = std::move(e).error();
                          }
                        }));
    LEAM_TRY(std::move(bad));
    std::vector<Job> jobs;
    for (Entry& e : open) {
      e.kind = EntryKind::kAbort;
      e.prompt_tokens = e.completion_tokens = 0;
      e.outcome = "the server ended before the request did";
      jobs.push_back({std::move(e), {}});
    }
    recovered_ = static_cast<int64_t>(jobs.size());
    if (jobs.empty()) return {};
    return write(jobs);
  }

  void loop() {
    while (true) {
      std::vector<Job> jobs;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return quit_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        jobs.swap(jobs_);
      }
      auto written = write(jobs);
      if (!written.ok() && jobs.size() > 1) {
        // One row that the rules refuse must not take the others with it.
        for (Job& job : jobs) {
          std::vector<Job> one;
          one.push_back(std::move(job));
          tell(one, write(one));
        }
      } else {
        tell(jobs, std::move(written));
      }
    }
  }

  static void tell(std::vector<Job>& jobs, const Result<void>& written) {
    for (Job& job : jobs) {
      if (!job.done) continue;
      if (written.ok()) {
        job.done(std::move(job.entry));
      } else {
        job.done(Error(written.error()));
      }
    }
  }

  // One transaction, one fsync.
  Result<void> write(std::vector<Job>& jobs) {
    static const std::string insert = fmt::format(
        "INSERT INTO ledger({}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
        "$16, $17)",
        kColumns);
    LEAM_TRY(db_->transaction([&]() -> Result<void> {
      int64_t seq = 0;
      std::string chain;
      LEAM_TRY(db_->query("SELECT seq, chain FROM ledger ORDER BY seq DESC LIMIT 1", {}, [&](const Row& r) {
        seq = r.integer(0);
        chain = r.text(1);
      }));
      for (Job& job : jobs) {
        Entry& e = job.entry;
        e.seq = ++seq;
        e.at_us = env_.now_us();
        e.micro_eur = cost_micro_eur(e.price, e.prompt_tokens, e.completion_tokens);
        e.chain = chain_of(chain, e);
        LEAM_TRY(db_->run(
            insert, {e.seq, std::string(to_string(e.kind)), e.request, e.at_us, e.key_id, e.key_name, e.model,
                     e.model_hash, e.price.prompt_per_1k, e.price.completion_per_1k, e.prompt_tokens,
                     e.completion_tokens, e.micro_eur, e.microjoules, e.energy, e.outcome, e.chain}));
        chain = e.chain;
      }
      return {};
    }));
    commits_.fetch_add(1, std::memory_order_relaxed);
    rows_.fetch_add(jobs.size(), std::memory_order_relaxed);
    return {};
  }

  Env& env_;
  LockFile lock_;
  std::unique_ptr<Database> db_;
  int64_t recovered_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> jobs_;
  bool quit_ = false;
  std::atomic<uint64_t> commits_{0}, rows_{0};
  std::thread thread_;
};

}  // namespace

std::string_view to_string(EntryKind kind) {
  switch (kind) {
    case EntryKind::kReserve:
      return "reserve";
    case EntryKind::kSettle:
      return "settle";
    case EntryKind::kAbort:
      return "abort";
  }
  bug("unknown kind of ledger entry");
}

int64_t cost_micro_eur(const Price& price, int64_t prompt_tokens, int64_t completion_tokens) {
  bug_if(prompt_tokens < 0 || completion_tokens < 0 || prompt_tokens > INT32_MAX ||
             completion_tokens > INT32_MAX || price.prompt_per_1k < 0 || price.completion_per_1k < 0 ||
             price.prompt_per_1k > 1'000'000'000 || price.completion_per_1k > 1'000'000'000,
         "tokens or price outside of what a ledger row holds");
  return (prompt_tokens * price.prompt_per_1k + completion_tokens * price.completion_per_1k) / 1000;
}

std::string chain_of(std::string_view previous, const Entry& e) {
  const json::array row = {e.seq,
                           json::string(to_string(e.kind)),
                           json::string(e.request),
                           e.at_us,
                           json::string(e.key_id),
                           json::string(e.key_name),
                           json::string(e.model),
                           json::string(e.model_hash),
                           e.price.prompt_per_1k,
                           e.price.completion_per_1k,
                           e.prompt_tokens,
                           e.completion_tokens,
                           e.micro_eur,
                           e.microjoules,
                           json::string(e.energy),
                           json::string(e.outcome)};
  return sha256_hex(std::string(previous) + json::serialize(row));
}

Result<void> migrate_ledger(Database& db) {
  return db.migrate("ledger", kMigrations);
}

Result<void> for_each_entry(Database& db, const std::function<Result<void>(const Entry&)>& visit) {
  Result<void> result;
  LEAM_TRY(db.query(fmt::format("SELECT {} FROM ledger ORDER BY seq", kColumns), {}, [&](const Row& r) {
    if (!result.ok()) return;
    auto entry = entry_from(r);
    result = entry.ok() ? visit(*entry) : Result<void>(std::move(entry).error());
  }));
  return result;
}

Result<std::unique_ptr<Ledger>> Ledger::open(Env& env, const std::string& path) {
  LockFile lock = LEAM_TRY(LockFile::take(path + ".lock"));
  auto ledger = std::make_unique<StoreLedger>(env, std::move(lock), LEAM_TRY(Database::open(path)));
  LEAM_TRY(ledger->begin());
  return std::unique_ptr<Ledger>(std::move(ledger));
}

}  // namespace leam::store
