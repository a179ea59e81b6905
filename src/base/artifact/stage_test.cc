#include "base/artifact/stage.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace leam::artifact {
namespace {

class Stage : public testing::Test {
 protected:
  // In memory where there is such a place: these tests sync thousands of files.
  Stage()
      : root_((::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : testing::TempDir()) + "leam_stage_" +
              std::to_string(::getpid())) {
    EXPECT_TRUE(env_->make_dirs(root_ + "/in").ok());
    put("in/a.txt", "one");
    plan_ = {
        .stage = "demo", .out = root_ + "/out", .kind = "documents", .format = 1, .params = {}, .inputs = {}};
    plan_.params = {{"alpha", 1.0}, {"third", 1.0 / 3}, {"tiny", 3e-4}, {"n", 3}, {"list", {1.5, 2.0}}};
    plan_.inputs = {{"pages", root_ + "/in"}};
  }
  ~Stage() override { EXPECT_TRUE(env_->remove_tree(root_).ok()); }

  void put(const std::string& path, std::string_view bytes) {
    ASSERT_TRUE(env_->make_dirs(path_dir(root_ + "/" + path)).ok());
    ASSERT_TRUE(env_->write_atomic(root_ + "/" + path, bytes).ok());
  }
  StageStatus status() {
    const auto s = stage_status(*env_, plan_);
    EXPECT_TRUE(s.ok()) << s.error().message();
    return s.ok() ? *s : StageStatus{};
  }
  // A stage of three parts, each made once.
  static Result<void> make(Env& env, const StagePlan& plan) {
    StageWork work = LEAM_TRY(StageWork::begin(env, plan));
    if (work.fresh()) return {};
    for (const char* part : {"/p0", "/p1", "/sub/p2"}) {
      if (env.exists(plan.out + part)) continue;
      LEAM_TRY(env.make_dirs(path_dir(plan.out + part)));
      LEAM_TRY(env.write_atomic(plan.out + part, json::serialize(plan.params) + part));
    }
    return work.finish({{"parts", 3}});
  }
  // Every file of a folder with its bytes.
  std::string snapshot(const std::string& folder) {
    std::string all;
    const std::vector<DirEntry> files = *env_->list(folder, true);
    for (const DirEntry& e : files) all += e.path + "=" + *env_->read_file(path_join(folder, e.path)) + "\n";
    return all;
  }

  std::unique_ptr<Env> env_ = Env::real();
  std::string root_;
  StagePlan plan_;
};

TEST_F(Stage, AbsentThenFreshThenStale) {
  EXPECT_EQ(status().state, StageState::kAbsent);
  ASSERT_TRUE(make(*env_, plan_).ok());
  EXPECT_EQ(status().state, StageState::kFresh);
  EXPECT_FALSE(env_->exists(plan_.out + "/.work"));

  const Manifest m = *read_manifest(*env_, plan_.out);
  EXPECT_EQ(m.kind, "documents");
  EXPECT_EQ(m.inputs.at(0).first, "pages");
  EXPECT_EQ(m.content, content_hash(*env_, plan_.out)->hex());
  EXPECT_EQ(json::serialize(m.counts), R"({"parts":3})");

  put("in/a.txt", "two");
  EXPECT_EQ(status().state, StageState::kStale);
  EXPECT_EQ(status().why, "input pages changed");
  put("in/a.txt", "one");
  EXPECT_EQ(status().state, StageState::kFresh);
  put("in/run/b.txt", "a raw folder is hashed whole, whatever its folders are called");
  EXPECT_EQ(status().state, StageState::kStale);
  ASSERT_TRUE(env_->remove_tree(root_ + "/in/run").ok());

  plan_.params["n"] = 4;
  EXPECT_EQ(status().why, "parameter n: 3 → 4");
  plan_.params["n"] = 3;
  plan_.params["more"] = true;
  EXPECT_EQ(status().why, "parameter more is new");
  plan_.params.erase("more");
  plan_.params.erase("tiny");
  EXPECT_EQ(status().why, "a parameter is gone");
}

// A number in the parameters must not make a stage stale for ever by how it is spelt in the manifest.
TEST_F(Stage, NumbersSurviveTheManifest) {
  uint64_t x = 88172645463325252u;
  for (int i = 0; i < 300; ++i) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    plan_.params["p" + std::to_string(i)] = static_cast<double>(x >> 11) * 0x1p-53 * (i % 3 == 0 ? 1e-9 : 1);
  }
  ASSERT_TRUE(make(*env_, plan_).ok());
  EXPECT_EQ(status().why, "");
  EXPECT_EQ(status().state, StageState::kFresh);
}

TEST_F(Stage, RunsOnlyWhatIsNeeded) {
  ASSERT_TRUE(make(*env_, plan_).ok());
  const std::string first = snapshot(plan_.out);
  EXPECT_TRUE(StageWork::begin(*env_, plan_)->fresh());
  EXPECT_EQ(snapshot(plan_.out), first);
  // Another plan starts from nothing.
  plan_.params["n"] = 4;
  const auto work = StageWork::begin(*env_, plan_);
  ASSERT_TRUE(work.ok());
  EXPECT_FALSE(work->fresh());
  EXPECT_FALSE(work->resumed());
  EXPECT_FALSE(env_->exists(plan_.out + "/p0"));
  EXPECT_EQ(status().state, StageState::kPartial);
  EXPECT_TRUE(StageWork::begin(*env_, plan_)->resumed());
}

TEST_F(Stage, LeavesOtherPeoplesFilesAlone) {
  put("out/thesis.txt", "ten years of work");
  const auto work = StageWork::begin(*env_, plan_);
  ASSERT_FALSE(work.ok());
  EXPECT_EQ(work.error().code(), ErrorCode::kDenied);
  EXPECT_EQ(*env_->read_file(root_ + "/out/thesis.txt"), "ten years of work");
}

TEST_F(Stage, InputsThatCannotBe) {
  plan_.inputs = {{"pages", root_ + "/nowhere"}};
  EXPECT_EQ(status().state, StageState::kAbsent);
  EXPECT_EQ(status().why, "input pages is missing: " + root_ + "/nowhere");
  EXPECT_EQ(StageWork::begin(*env_, plan_).error().code(), ErrorCode::kNotFound);

  // A folder that its stage has not finished is not an input.
  plan_.inputs = {{"pages", root_ + "/in"}};
  put("in/.work/plan.json", "{}");
  EXPECT_EQ(status().why, "input pages is not finished: " + root_ + "/in");
  ASSERT_TRUE(env_->remove_tree(root_ + "/in/.work").ok());

  plan_.inputs.push_back({"pages", root_ + "/in/a.txt"});
  EXPECT_EQ(StageWork::begin(*env_, plan_).error().what(), "two inputs of demo are named pages");
  plan_.inputs = {{"pages", root_}};
  EXPECT_EQ(StageWork::begin(*env_, plan_).error().code(), ErrorCode::kInvalid);
}

TEST_F(Stage, ADamagedManifestIsStale) {
  ASSERT_TRUE(make(*env_, plan_).ok());
  put("out/manifest.json", "{\"kind\": \"docum");
  EXPECT_EQ(status().state, StageState::kStale);
  ASSERT_TRUE(make(*env_, plan_).ok());
  EXPECT_EQ(status().state, StageState::kFresh);
}

// Killed at every step, on an empty place and over an old result: the next run always ends with the same
// bytes and nothing else in the folder.
TEST_F(Stage, KilledAnywhereEndsTheSame) {
  StagePlan old = plan_;
  old.params["n"] = 99;
  ASSERT_TRUE(make(*env_, plan_).ok());
  const std::string wanted = snapshot(plan_.out);
  for (const bool over_old : {false, true}) {
    for (uint64_t at = 1;; ++at) {
      ASSERT_LT(at, 200u);
      ASSERT_TRUE(env_->remove_tree(plan_.out).ok());
      if (over_old) {
        ASSERT_TRUE(make(*env_, old).ok());
        put("out/left_over", "of the old plan");
      }
      const pid_t child = ::fork();
      if (child == 0) {
        auto killed = faulty_env(Env::real(), Fault::kKill, at);
        ::_exit(make(*killed, plan_).ok() ? 0 : 1);
      }
      int code = 0;
      ASSERT_EQ(::waitpid(child, &code, 0), child);
      const auto again = make(*env_, plan_);
      ASSERT_TRUE(again.ok()) << "killed at " << at << ": " << again.error().message();
      ASSERT_EQ(snapshot(plan_.out), wanted) << "killed at " << at;
      if (WEXITSTATUS(code) == 0) break;
      ASSERT_EQ(WEXITSTATUS(code), 137);
    }
  }
}

TEST_F(Stage, AFullDiskSaysSoAndIsFinishedLater) {
  ASSERT_TRUE(make(*env_, plan_).ok());
  const std::string wanted = snapshot(plan_.out);
  for (uint64_t at = 1;; ++at) {
    ASSERT_TRUE(env_->remove_tree(plan_.out).ok());
    auto full = faulty_env(Env::real(), Fault::kFull, at);
    const auto made = make(*full, plan_);
    if (made.ok()) break;
    EXPECT_EQ(made.error().code(), ErrorCode::kFull);
    EXPECT_NE(made.error().hint(), "");
    ASSERT_TRUE(make(*env_, plan_).ok());
    ASSERT_EQ(snapshot(plan_.out), wanted) << at;
  }
}

TEST(Manifest, ReadsBackAndNamesWhatIsWrong) {
  auto env = Env::real();
  const std::string folder = testing::TempDir() + "leam_manifest_" + std::to_string(::getpid());
  ASSERT_TRUE(env->make_dirs(folder).ok());
  Manifest m{.kind = "corpus",
             .format = 2,
             .made_by = "leam corpus 0.1.0",
             .params = {{"a", 1}},
             .inputs = {},
             .counts = {{"documents", 3}},
             .content = "00"};
  m.inputs = {{"z", "11"}, {"a", "22"}};
  ASSERT_TRUE(write_manifest(*env, folder, m).ok());
  const Manifest back = *read_manifest(*env, folder);
  EXPECT_EQ(back.inputs, m.inputs);
  EXPECT_EQ(back.format, 2);
  EXPECT_EQ(json::serialize(back.params), json::serialize(m.params));
  ASSERT_TRUE(env->write_atomic(folder + "/manifest.json", "{\"kind\":\"corpus\",\"format\":\"two\"}").ok());
  EXPECT_NE(read_manifest(*env, folder).error().what().find("\"format\" must be a whole number"),
            std::string::npos);
  ASSERT_TRUE(env->write_atomic(folder + "/manifest.json", "[]").ok());
  EXPECT_EQ(read_manifest(*env, folder).error().code(), ErrorCode::kCorrupt);
  ASSERT_TRUE(env->remove_tree(folder).ok());
}

// content_hash is what docs/formats/manifest.md says, spelt out.
TEST(Manifest, ContentHashFollowsItsPage) {
  auto env = Env::real();
  const std::string folder = testing::TempDir() + "leam_content_" + std::to_string(::getpid());
  ASSERT_TRUE(env->make_dirs(folder + "/sub").ok());
  ASSERT_TRUE(env->make_dirs(folder + "/run").ok());
  for (const auto& [name, bytes] : std::vector<std::pair<std::string, std::string>>{
           {"b", "B"}, {"sub/a", "A"}, {"x.tmp", "no"}, {"run/record.json", "no"}, {"manifest.json", "no"}})
    ASSERT_TRUE(env->write_atomic(folder + "/" + name, bytes).ok());
  const std::string spelt =
      std::string("b\0", 2) + hash128("B").hex() + std::string("sub/a\0", 6) + hash128("A").hex();
  EXPECT_EQ(*content_hash(*env, folder), hash128(spelt));
  EXPECT_NE(*content_hash(*env, folder, Folder::kRaw), hash128(spelt));
  EXPECT_EQ(*content_hash(*env, folder + "/b"), hash128("B"));
  ASSERT_TRUE(env->remove_tree(folder).ok());
}

}  // namespace
}  // namespace leam::artifact
