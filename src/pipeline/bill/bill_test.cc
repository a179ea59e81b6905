#include "pipeline/bill/bill.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>

#include "base/store/ledger.h"

namespace leam::bill {
namespace {

class Bill : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/leam-bill-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = path_join(folder_, "ledger.db");
  }
  void TearDown() override { EXPECT_TRUE(env_->remove_tree(folder_).ok()); }

  void use(std::string request, std::string key, std::string model, int64_t prompt, int64_t completion,
           bool settle = true) {
    auto ledger = *store::Ledger::open(*env_, path_);
    store::Entry e;
    e.request = std::move(request);
    e.key_id = "id-" + key;
    e.key_name = std::move(key);
    e.model = std::move(model);
    e.price = {10'000, 30'000};
    e.prompt_tokens = prompt;
    e.completion_tokens = completion + 5;
    ledger->reserve(e, {});
    if (!settle) return;
    e.completion_tokens = completion;
    e.microjoules = 1'000'000;
    e.energy = "estimated";
    e.outcome = "stop";
    std::promise<bool> done;
    ledger->settle(e, [&](Result<store::Entry> r) { done.set_value(r.ok()); });
    EXPECT_TRUE(done.get_future().get());
  }

  std::unique_ptr<Env> env_ = Env::real();
  std::string folder_, path_;
};

TEST_F(Bill, SumsByKeyModelAndMonth) {
  use("1", "anna", "m", 10, 5);
  use("2", "anna", "m", 1, 1);
  use("3", "bert", "m", 100, 0);
  use("4", "bert", "n", 1, 1);
  use("5", "bert", "n", 1, 1, false);  // cut off
  const auto r = report(*env_, path_, {});
  ASSERT_TRUE(r.ok()) << r.error().message();
  ASSERT_EQ(r->lines.size(), 3u);
  EXPECT_EQ(r->lines[0].key_name, "anna");
  EXPECT_EQ(r->lines[0].sums.requests, 2);
  EXPECT_EQ(r->lines[0].sums.micro_eur, 10 * 10 + 5 * 30 + 10 + 30);
  EXPECT_EQ(r->total.prompt_tokens, 112);
  EXPECT_EQ(r->total.micro_eur, 290 + 1000 + 40);
  EXPECT_EQ(r->reserved, 5);
  EXPECT_EQ(r->settled, 4);
  EXPECT_EQ(r->open, 1);
  const std::string month = r->lines[0].month;
  EXPECT_EQ(report(*env_, path_, {.month = month, .key = "bert"})->total.micro_eur, 1040);
  EXPECT_EQ(report(*env_, path_, {.key = "id-bert", .model = "n"})->total.requests, 1);
  EXPECT_EQ(report(*env_, path_, {.month = "1999-01"})->total.requests, 0);
  EXPECT_FALSE(report(*env_, path_, {.month = "2026-13"}).ok());

  const json::object o = to_json(*r);
  EXPECT_EQ(o.at("total").at("micro_eur").as_int64(), 1330);
  EXPECT_EQ(o.at("lines").as_array().size(), 3u);
  EXPECT_NE(to_table(*r).find("0.001330"), std::string::npos) << to_table(*r);
  EXPECT_NE(to_table(*r).find("5 reserved = 4 settled + 0 aborted + 1 open"), std::string::npos);
}

TEST_F(Bill, FindsWhatWasTamperedWith) {
  for (int i = 0; i < 5; ++i) use(std::to_string(i), "anna", "m", 10, 5);
  const auto tamper = [&](const char* sql) {
    const std::string copy = path_join(folder_, "copy.db");
    EXPECT_TRUE(env_->remove(copy).ok());
    {
      auto db = *store::Database::open(path_);
      EXPECT_TRUE(db->query("PRAGMA wal_checkpoint(TRUNCATE)", {}, [](const store::Row&) {}).ok());
    }
    EXPECT_TRUE(env_->write_atomic(copy, *env_->read_file(path_)).ok());
    {
      auto db = *store::Database::open(copy);
      for (const char* drop : {"DROP TRIGGER ledger_no_update", "DROP TRIGGER ledger_no_delete"}) {
        EXPECT_TRUE(db->run(drop).ok());
      }
      EXPECT_TRUE(db->run(sql).ok());
    }
    const auto r = report(*env_, copy, {});
    return r.ok() ? std::string("nothing found") : r.error().message();
  };
  EXPECT_NE(tamper("UPDATE ledger SET micro_eur = 1 WHERE seq = 4").find("row 4"), std::string::npos);
  EXPECT_NE(tamper("UPDATE ledger SET key_name = 'bert' WHERE seq = 2").find("row 2"), std::string::npos);
  EXPECT_NE(tamper("DELETE FROM ledger WHERE seq = 5").find("row 6"), std::string::npos);
  EXPECT_EQ(tamper("UPDATE ledger SET seq = seq"), "nothing found");
}

TEST_F(Bill, SaysWhatIsMissing) {
  const auto none = report(*env_, path_, {});
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().message().find("there is no ledger at"), std::string::npos);
  { auto ledger = *store::Ledger::open(*env_, path_); }
  const auto empty = report(*env_, path_, {});
  ASSERT_TRUE(empty.ok()) << empty.error().message();
  EXPECT_EQ(empty->rows, 0);
}

}  // namespace
}  // namespace leam::bill
