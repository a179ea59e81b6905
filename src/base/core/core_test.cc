#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <numeric>

#include "base/core/config.h"
#include "base/core/env.h"
#include "base/core/hash.h"
#include "base/core/json.h"
#include "base/core/machine.h"
#include "base/core/power.h"
#include "base/core/rng.h"
#include "base/core/threads.h"
#include "base/core/units.h"

namespace leam {
namespace {

std::string scratch(const char* name) {
  const std::string path = testing::TempDir() + "leam_core_" + name + std::to_string(::getpid());
  return path;
}

TEST(Result, CarriesValueOrError) {
  const auto half = [](int n) -> Result<int> {
    if (n % 2 != 0) return Error(ErrorCode::kInvalid, "test.half", "3 is odd", "give an even number");
    return n / 2;
  };
  const auto quarter = [&](int n) -> Result<int> { return LEAM_TRY(half(LEAM_TRY(half(n)))); };
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message(), "[test.half] 3 is odd. hint: give an even number");
  EXPECT_THROW(quarter(6).value(), BugError);
}

// Vectors published with the Random123 library (kat_vectors, philox4x32 10 rounds).
TEST(Rng, PhiloxKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, NormalHasUnitVariance) {
  const Stream s(7, purpose("test"), 3, 1);
  double sum = 0, square = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = s.normal(static_cast<uint64_t>(i));
    sum += x;
    square += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.02);
  EXPECT_NEAR(square / kDraws, 1, 0.02);
  EXPECT_NE(Stream(7, purpose("a")).bits64(0), Stream(7, purpose("b")).bits64(0));
}

// From the xxHash specification's own sanity checks: XXH3-128 of the empty input.
TEST(Hash, EmptyInputAndStreaming) {
  EXPECT_EQ(hash128("").hex(), "99aa06d3014798d86001c324468d497f");
  Hasher h;
  h.add("hello ");
  h.add("world");
  EXPECT_EQ(h.value(), hash128("hello world"));
  EXPECT_EQ(Hash128::from_hex(hash128("x").hex()), hash128("x"));
  EXPECT_FALSE(Hash128::from_hex("xyz"));
}

TEST(Threads, EveryTaskOnceWhateverTheNumber) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (size_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> hits(tasks);
      pool.run(tasks, [&](size_t i) { hits[i]++; });
      for (auto& h : hits) EXPECT_EQ(h.load(), 1);
    }
    std::atomic<size_t> sum{0};
    pool.run_range(1000, 7, [&](size_t b, size_t e) { sum += e - b; });
    EXPECT_EQ(sum.load(), 1000u);
    EXPECT_THROW(pool.run(9, [](size_t i) { bug_if(i == 4, "task 4"); }), BugError);
    std::atomic<int> inner{0};
    pool.run(4, [&](size_t) { pool.run(4, [&](size_t) { inner++; }); });
    EXPECT_EQ(inner.load(), 16);
  }
}

TEST(Threads, ManySmallJobs) {
  ThreadPool pool(3);
  std::atomic<int64_t> total{0};
  for (int i = 0; i < 20'000; ++i) pool.run(3, [&](size_t k) { total += static_cast<int64_t>(k); });
  EXPECT_EQ(total.load(), 60'000);
}

TEST(Env, AtomicWriteSurvivesAFullDisk) {
  auto env = Env::real();
  const std::string path = scratch("atomic");
  ASSERT_TRUE(env->write_atomic(path, "old").ok());
  for (uint64_t at = 1; at < 10; ++at) {
    auto broken = faulty_env(Env::real(), Fault::kFull, at);
    const auto written = broken->write_atomic(path, "new");
    const std::string now = *env->read_file(path);
    EXPECT_EQ(now, written.ok() ? "new" : "old") << at;
    if (!written.ok()) {
      EXPECT_EQ(written.error().code(), ErrorCode::kFull);
    }
    ASSERT_TRUE(env->write_atomic(path, "old").ok());
  }
  ASSERT_TRUE(env->remove(path).ok());
  EXPECT_EQ(env->read_file(path).error().code(), ErrorCode::kNotFound);
}

TEST(Env, ListsInByteOrder) {
  auto env = Env::real();
  const std::string dir = scratch("list");
  ASSERT_TRUE(env->make_dirs(dir + "/b").ok());
  for (const char* f : {"/z", "/a", "/b/c"}) ASSERT_TRUE(env->write_atomic(dir + f, "1").ok());
  const auto files = *env->list(dir, true);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[1].path, "b/c");
  EXPECT_EQ((*env->map(dir + "/b/c"))->bytes(), "1");
  ASSERT_TRUE(env->remove_tree(dir).ok());
  EXPECT_FALSE(env->exists(dir));
}

TEST(Config, NamesTheUnknownKeyAndTheNearest) {
  const auto config = *Config::parse("[crawl]\nmin_chars = 5\nmni_words = 2\n", "p/leam.toml");
  Section s = config.section("crawl");
  EXPECT_EQ(s.integer("min_chars", 1, 0, 10), 5);
  EXPECT_EQ(s.integer("min_words", 1, 0, 10), 1);
  EXPECT_EQ(s.path("out", "docs"), "p/docs");
  EXPECT_EQ(
      s.finish().error().message(),
      "[core.config] p/leam.toml:3: unknown key \"mni_words\" in [crawl]. hint: did you mean \"min_words\"?");
  EXPECT_EQ(config.check_sections({"crawls"}).error().hint(), "did you mean [crawls]?");
}

TEST(Config, RefusesWrongTypesAndRanges) {
  const auto config = *Config::parse("[t]\na = \"x\"\nb = 99\nc = \"3 parsecs\"\n", "leam.toml");
  Section a = config.section("t");
  a.integer("a", 1, 0, 10);
  EXPECT_EQ(a.finish().error().what(), "leam.toml:2: t.a must be a whole number");
  Section b = config.section("t");
  b.integer("b", 1, 0, 10);
  EXPECT_EQ(b.finish().error().what(), "leam.toml:3: t.b is 99; it must lie between 0 and 10");
  Section c = config.section("t");
  c.seconds("c", 1, 0, 10);
  EXPECT_FALSE(c.finish().ok());
  EXPECT_EQ(Config::parse("a = [", "leam.toml").error().code(), ErrorCode::kInvalid);
  EXPECT_DOUBLE_EQ(*parse_duration("1.5h"), 5400);
}

TEST(Config, TakesSingleKeysFromTheCommandLine) {
  const auto config = *Config::parse("[train]\nsteps = 5\n", "leam.toml");
  const auto changed = *config.with({"train.steps=7", "train.budget=3min", "tokens.vocab=512"});
  Section train = changed.section("train");
  EXPECT_EQ(train.integer("steps", 1, 0, 10), 7);
  EXPECT_EQ(train.seconds("budget", 0, 0, 1000), 180);
  EXPECT_EQ(changed.section("tokens").integer("vocab", 1, 0, 1000), 512);
  EXPECT_EQ(config.section("train").integer("steps", 1, 0, 10), 5);
  EXPECT_FALSE(config.with({"steps=7"}).ok());
  // The lines of the file are still known.
  Section unknown = (*config.with({})).section("train");
  EXPECT_EQ(unknown.finish().error().what(), "leam.toml:2: unknown key \"steps\" in [train]");
}

TEST(Json, NamesTheOffsetOfAFault) {
  EXPECT_FALSE(parse_json("{\"a\": }", "x.json").ok());
  EXPECT_FALSE(parse_json("{} x", "x.json").ok());
  EXPECT_FALSE(parse_json(std::string(100'000, '['), "deep").ok());
  const auto v = *parse_json(R"({"a":1,"b":[1,2.5],"c":{"d":"x"}})", "x");
  EXPECT_EQ(pretty_json(v), "{\n  \"a\": 1,\n  \"b\": [1, 2.5],\n  \"c\": {\n    \"d\": \"x\"\n  }\n}\n");
  EXPECT_EQ(*json_int(v.get_object(), "a", "x"), 1);
  EXPECT_FALSE(json_string(v.get_object(), "a", "x").ok());
}

TEST(Units, ReadLikePeopleWrite) {
  EXPECT_EQ(human_count(1234567), "1.23 M");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_seconds(75), "1:15");
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00Z");
}

TEST(Power, EstimateFollowsTheFormula) {
  // 3600 s on one processor at 10 W and PUE 1.2 are 12 Wh.
  const Energy e = EnergyMeter::estimate(3600, {10, 1.2, 200});
  EXPECT_NEAR(e.kwh, 0.012, 1e-12);
  EXPECT_NEAR(e.grams_co2e, 2.4, 1e-9);
  EXPECT_FALSE(e.measured);
}

TEST(Machine, KnowsItself) {
  const Machine m = this_machine();
  EXPECT_GE(m.cpus, 1);
  EXPECT_GT(m.memory_bytes, 1u << 20);
  EXPECT_GT(peak_memory_bytes(), 1u << 16);
}

}  // namespace
}  // namespace leam
