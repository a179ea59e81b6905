#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/store/ledger.h"
#include "base/store/sha256.h"

namespace leam::store {
namespace {

class Store : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/leam-store-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void TearDown() override { EXPECT_TRUE(env_->remove_tree(folder_).ok()); }
  std::string path(std::string_view name = "t.db") const { return path_join(folder_, name); }

  Entry entry(std::string request, int64_t prompt, int64_t completion) const {
    Entry e;
    e.request = std::move(request);
    e.key_id = "k1";
    e.key_name = "tests";
    e.model = "m";
    e.price = {10'000, 20'000};
    e.prompt_tokens = prompt;
    e.completion_tokens = completion;
    return e;
  }
  static Result<Entry> wait(Ledger& ledger, void (Ledger::*what)(Entry, Ledger::Done), Entry e) {
    std::promise<Result<Entry>> promise;
    (ledger.*what)(std::move(e), [&](Result<Entry> r) { promise.set_value(std::move(r)); });
    return promise.get_future().get();
  }
  std::vector<Entry> all(const std::string& file) const {
    auto db = Database::open(file, {.create = false, .read_only = true});
    EXPECT_TRUE(db.ok()) << db.error().message();
    std::vector<Entry> out;
    EXPECT_TRUE(for_each_entry(**db, [&](const Entry& e) -> Result<void> {
                  out.push_back(e);
                  return {};
                }).ok());
    return out;
  }

  std::unique_ptr<Env> env_ = Env::real();
  std::string folder_;
};

TEST_F(Store, KeepsValuesOfEachType) {
  auto db = *Database::open(path());
  const char* schema[] = {"CREATE TABLE t(a INTEGER, b REAL, c TEXT) STRICT;"};
  ASSERT_TRUE(db->migrate("t", schema).ok());
  const std::string text("ü\0x", 4);
  EXPECT_EQ(*db->run("INSERT INTO t(c, a, b) VALUES ($2, $1, $3)", {int64_t{INT64_MIN}, text, 0.5}), 1);
  EXPECT_EQ(*db->run("INSERT INTO t VALUES ($1, $2, $3)", {{}, {}, {}}), 1);
  int rows = 0;
  ASSERT_TRUE(db->query("SELECT a, b, c FROM t ORDER BY a IS NULL", {}, [&](const Row& r) {
                  if (rows++ == 0) {
                    EXPECT_EQ(r.integer(0), INT64_MIN);
                    EXPECT_EQ(r.number(1), 0.5);
                    EXPECT_EQ(r.text(2), text);
                  } else {
                    EXPECT_TRUE(r.null(0) && r.null(1) && r.null(2));
                  }
                }).ok());
  EXPECT_EQ(rows, 2);
  const auto bad = db->run("INSERT INTO absent VALUES ($1)", {int64_t{1}});
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message().find("no such table"), std::string::npos);
}

TEST_F(Store, MigratesStepByStepAndRefusesANewerSchema) {
  const char* v1[] = {"CREATE TABLE t(a INTEGER) STRICT; INSERT INTO t VALUES (1);"};
  const char* v2[] = {v1[0], "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 7;"};
  const char* broken[] = {v1[0], v2[1], "INSERT INTO t VALUES (2, 2); CREATE TABLE t(a INTEGER);"};
  ASSERT_TRUE((*Database::open(path()))->migrate("t", v1).ok());
  auto db = *Database::open(path());
  ASSERT_TRUE(db->migrate("t", v2).ok());
  ASSERT_TRUE(db->migrate("t", v2).ok());
  EXPECT_FALSE(db->migrate("t", broken).ok());
  int64_t rows = 0, b = 0;
  ASSERT_TRUE(db->query("SELECT count(*), sum(b) FROM t", {}, [&](const Row& r) {
                  rows = r.integer(0);
                  b = r.integer(1);
                }).ok());
  EXPECT_EQ(rows, 1);  // nothing of the broken step
  EXPECT_EQ(b, 7);
  const auto older = db->migrate("t", v1);
  ASSERT_FALSE(older.ok());
  EXPECT_NE(older.error().message().find("version 2, this leam knows up to 1"), std::string::npos);
}

TEST_F(Store, TransactionsAreAllOrNothing) {
  auto db = *Database::open(path());
  const char* schema[] = {"CREATE TABLE t(a INTEGER) STRICT;"};
  ASSERT_TRUE(db->migrate("t", schema).ok());
  const auto failed = db->transaction([&]() -> Result<void> {
    LEAM_TRY(db->run("INSERT INTO t VALUES ($1)", {int64_t{1}}));
    return Error(ErrorCode::kInvalid, "test", "no");
  });
  EXPECT_FALSE(failed.ok());
  EXPECT_THROW((void)db->transaction([&]() -> Result<void> {
    LEAM_TRY(db->run("INSERT INTO t VALUES ($1)", {int64_t{2}}));
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  int64_t rows = -1;
  ASSERT_TRUE(db->query("SELECT count(*) FROM t", {}, [&](const Row& r) { rows = r.integer(0); }).ok());
  EXPECT_EQ(rows, 0);
}

TEST_F(Store, SaysWhatIsWrongWithAFile) {
  ASSERT_TRUE(env_->write_atomic(path("x.db"), std::string(5000, 'x')).ok());
  EXPECT_EQ(Database::open(path("x.db")).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(Database::open(path("none.db"), {.create = false}).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(Database::open(path("no/folder.db")).ok());
}

TEST_F(Store, Sha256IsSha256) {
  // FIPS 180-4 examples.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "abcd"));
  EXPECT_NE(random_hex(16), random_hex(16));
  EXPECT_EQ(random_hex(16).size(), 32u);
}

TEST_F(Store, CostIsExactAndRoundsDownOnce) {
  EXPECT_EQ(cost_micro_eur({10'000, 10'000}, 7, 13), 200);
  EXPECT_EQ(cost_micro_eur({1, 1}, 999, 0), 0);
  EXPECT_EQ(cost_micro_eur({1, 1}, 999, 1), 1);
  EXPECT_EQ(cost_micro_eur({333, 667}, 1, 2), 1);  // 1.667
  EXPECT_EQ(cost_micro_eur({1'000'000'000, 1'000'000'000}, INT32_MAX, INT32_MAX), 4'294'967'294'000'000);
  EXPECT_THROW(cost_micro_eur({1, 1}, -1, 0), BugError);
}

TEST_F(Store, LedgerKeepsItsRules) {
  {
    auto ledger = *Ledger::open(*env_, path());
    EXPECT_FALSE(Ledger::open(*env_, path()).ok());  // one writer
    EXPECT_EQ(wait(*ledger, &Ledger::reserve, entry("a", 10, 5))->micro_eur, 200);
    EXPECT_EQ(wait(*ledger, &Ledger::settle, entry("a", 10, 3))->micro_eur, 160);
    EXPECT_FALSE(wait(*ledger, &Ledger::settle, entry("a", 10, 3)).ok());   // twice
    EXPECT_FALSE(wait(*ledger, &Ledger::abort, entry("a", 0, 0)).ok());     // settled
    EXPECT_FALSE(wait(*ledger, &Ledger::reserve, entry("a", 10, 5)).ok());  // again
    EXPECT_FALSE(wait(*ledger, &Ledger::settle, entry("b", 10, 3)).ok());   // never reserved
    EXPECT_TRUE(wait(*ledger, &Ledger::reserve, entry("c", 10, 5)).ok());
    EXPECT_FALSE(wait(*ledger, &Ledger::settle, entry("c", 10, 6)).ok());  // more than reserved
    EXPECT_TRUE(wait(*ledger, &Ledger::abort, entry("c", 0, 0)).ok());
    EXPECT_TRUE(wait(*ledger, &Ledger::reserve, entry("open", 10, 5)).ok());
  }
  {
    auto db = *Database::open(path());
    EXPECT_FALSE(db->run("UPDATE ledger SET micro_eur = 0").ok());
    EXPECT_FALSE(db->run("DELETE FROM ledger").ok());
  }
  EXPECT_EQ((*Ledger::open(*env_, path()))->recovered(), 1);
  EXPECT_EQ((*Ledger::open(*env_, path()))->recovered(), 0);
  const auto rows = all(path());
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows.back().kind, EntryKind::kAbort);
  EXPECT_EQ(rows.back().request, "open");
  EXPECT_EQ(rows.back().micro_eur, 0);
  std::string chain;
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].seq, static_cast<int64_t>(i + 1));
    EXPECT_EQ(rows[i].chain, chain = chain_of(chain, rows[i]));
  }
  Entry forged = rows[1];
  forged.micro_eur = 1;
  EXPECT_NE(chain_of(rows[0].chain, forged), rows[1].chain);
}

TEST_F(Store, CommitsInGroups) {
  auto ledger = *Ledger::open(*env_, path());
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string name = fmt::format("{}-{}", t, i);
        if (wait(*ledger, &Ledger::reserve, entry(name, 5, 5)).ok() &&
            wait(*ledger, &Ledger::settle, entry(name, 5, i % 6)).ok()) {
          ++good;
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(good, 200);
  EXPECT_EQ(ledger->rows(), 400u);
  EXPECT_LT(ledger->commits(), 400u);
}

// A writer killed at a random moment: every row whose callback came is there, the chain holds, and the
// next writer closes what was open.
TEST_F(Store, SurvivesKill) {
  for (int round = 0; round < 5; ++round) {
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(told[0]);
      auto opened = Ledger::open(*env_, path());
      if (!opened.ok()) ::_exit(3);
      for (int i = 0;; ++i) {
        const std::string name = fmt::format("{}-{}", round, i);
        (*opened)->reserve(entry(name, 5, 5), {});
        (*opened)->settle(entry(name, 5, 2), [&told](Result<Entry> r) {
          if (r.ok() && ::write(told[1], "x", 1) != 1) ::_exit(4);
        });
        ::usleep(200);
      }
    }
    ::close(told[1]);
    std::string confirmed(20, '\0');
    size_t n = 0;
    while (n < 10) n += static_cast<size_t>(std::max<ssize_t>(0, ::read(told[0], confirmed.data(), 10)));
    ::usleep(static_cast<useconds_t>(1000 * (round * 7 % 5)));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    ssize_t more = 0;
    char rest[4096];
    while ((more = ::read(told[0], rest, sizeof rest)) > 0) n += static_cast<size_t>(more);
    ::close(told[0]);

    ASSERT_TRUE(Ledger::open(*env_, path()).ok());
    std::string chain;
    size_t settled = 0, reserved = 0, closed = 0;
    for (const Entry& e : all(path())) {
      ASSERT_EQ(e.chain, chain = chain_of(chain, e));
      if (e.kind == EntryKind::kReserve) ++reserved;
      if (e.kind != EntryKind::kReserve) ++closed;
      if (e.kind == EntryKind::kSettle && e.request.starts_with(fmt::format("{}-", round))) ++settled;
    }
    EXPECT_GE(settled, n);
    EXPECT_EQ(reserved, closed);
  }
}

}  // namespace
}  // namespace leam::store
