#include "pipeline/corpus/corpus.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <set>

#include "base/core/rng.h"

namespace leam::corpus {
namespace {

using artifact::Document;

// Words of an invented language, so that nothing but what a test plants is alike.
std::string prose(uint32_t sample, size_t words, std::string_view alphabet) {
  const Stream s(9, purpose("test.prose"), words, sample);
  std::string out;
  uint64_t draw = 0;
  for (size_t w = 0; w < words; ++w) {
    const size_t length = 2 + s.below(draw++, 9);
    for (size_t i = 0; i < length; ++i) out += alphabet[s.below(draw++, alphabet.size())];
    out += w % 12 == 11 ? ".\n" : " ";
  }
  return out;
}

Document page(const std::string& url, std::string lang, std::string text) {
  Document d;
  d.id = hash128(url).hex();
  d.url = url;
  d.lang = std::move(lang);
  d.lang_score = 0.98;
  d.source = "test";
  d.text = std::move(text);
  return d;
}

// `count` pages in three languages of different size.
std::vector<Document> pages(uint32_t count) {
  std::vector<Document> out;
  for (uint32_t i = 0; i < count; ++i) {
    const bool large = i % 10 < 7;
    const std::string lang = large ? "de" : i % 10 < 9 ? "fi" : "mt";
    const char* alphabet = large ? "aeinrst" : "aklouty";
    out.push_back(page("https://x/" + std::to_string(i), lang, prose(i, 80 + i % 90, alphabet)));
  }
  return out;
}

// Some words changed here and there, as a later version of the page would have them.
std::string edited(const std::string& text, size_t every) {
  std::string out;
  size_t word = 0;
  for (const char c : text) {
    if (c == ' ' && ++word % every == 0) out += " changed";
    out += c;
  }
  return out;
}

// In memory where there is such a place: these tests sync thousands of files.
std::string scratch() {
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : testing::TempDir();
}

class Corpus : public testing::Test {
 protected:
  Corpus() : root_(scratch() + "leam_corpus_" + std::to_string(::getpid())) {
    c_.documents = root_ + "/documents";
    c_.out = root_ + "/corpus";
    c_.rules.languages = eu_languages();
    c_.split = {.heldout = 0.1, .min_chars = 2000, .max_share = 0.2, .max_chars = 20'000};
    c_.part_bytes = 100'000;
    c_.batch_bytes = 30'000;
  }
  ~Corpus() override { EXPECT_TRUE(env_->remove_tree(root_).ok()); }

  void documents(const std::vector<Document>& all) {
    ASSERT_TRUE(env_->remove_tree(c_.documents).ok());
    ASSERT_TRUE(env_->make_dirs(c_.documents).ok());
    for (size_t part = 0; part < 2; ++part) {
      auto w = *artifact::FrameWriter::create(
          *env_, c_.documents + "/part-0000" + std::to_string(part) + ".jsonl.zst",
          {.level = 1, .frame_bytes = 8000});
      for (size_t i = part * all.size() / 2; i < (part + 1) * all.size() / 2; ++i)
        ASSERT_TRUE(w->add_line(artifact::to_line(all[i])).ok());
      ASSERT_TRUE(w->close().ok());
    }
  }
  Result<void> run(Env& env, int threads) {
    ThreadPool pool(threads);
    Context ctx{env, pool, quiet_, stop_, c_.seed};
    return corpus::run(c_, ctx);
  }
  std::string run_new(int threads = 2) {
    EXPECT_TRUE(env_->remove_tree(c_.out).ok());
    const auto r = run(*env_, threads);
    EXPECT_TRUE(r.ok()) << r.error().message();
    return snapshot();
  }
  std::string snapshot() {
    std::string all;
    const auto files = *env_->list(c_.out, true);
    for (const DirEntry& e : files)
      all += e.path + " " + hash128(*env_->read_file(path_join(c_.out, e.path))).hex() + "\n";
    return all;
  }
  std::multiset<std::string> urls(std::string_view prefix) {
    std::multiset<std::string> out;
    EXPECT_TRUE(artifact::for_each_document(*env_, c_.out, prefix, [&](Document&& d) {
                  out.insert(d.url);
                  return Result<void>();
                }).ok());
    return out;
  }
  std::map<std::string, artifact::Drop> drops() {
    std::map<std::string, artifact::Drop> out;
    EXPECT_TRUE(artifact::for_each_drop(*env_, c_.out, [&](artifact::Drop&& d) {
                  out[d.url] = d;
                  return Result<void>();
                }).ok());
    return out;
  }

  std::unique_ptr<Env> env_ = Env::real();
  QuietReporter quiet_;
  StopFlag stop_;
  std::string root_;
  Config c_;
};

TEST_F(Corpus, EveryDocumentIsSomewhereAndCounted) {
  auto all = pages(600);
  all[3].lang = "tlh";
  all[4].tdm = "reserved";
  all[5].text = "zu kurz";
  all[6].security = "internal";
  documents(all);
  c_.mix.kind = MixParams::Kind::kNone;
  run_new();
  const auto train = urls("part-"), held = urls("heldout-");
  const auto dropped = drops();
  EXPECT_EQ(train.size() + held.size() + dropped.size(), all.size());
  EXPECT_EQ(dropped.size(), 4u);
  EXPECT_EQ(dropped.at("https://x/3").rule, "language");
  EXPECT_EQ(dropped.at("https://x/3").detail, "tlh");
  EXPECT_EQ(dropped.at("https://x/4").rule, "tdm");
  EXPECT_EQ(dropped.at("https://x/5").rule, "min_chars");
  EXPECT_EQ(dropped.at("https://x/5").value, 7);
  EXPECT_EQ(dropped.at("https://x/5").threshold, 200);
  EXPECT_EQ(dropped.at("https://x/5").stage, "corpus");
  EXPECT_GT(artifact::list_parts(*env_, c_.out, "part-")->size(), 2u);

  const artifact::Manifest m = *artifact::read_manifest(*env_, c_.out);
  EXPECT_EQ(m.counts.at("documents_in").to_number<uint64_t>(), all.size());
  EXPECT_EQ(m.counts.at("documents").to_number<uint64_t>(), train.size());
  EXPECT_EQ(m.counts.at("heldout_documents").to_number<uint64_t>(), held.size());
  EXPECT_EQ(m.counts.at("dropped").to_number<uint64_t>(), 4u);
  const json::value de = m.counts.at("languages").at("de");
  EXPECT_EQ(de.at("in").at("documents").to_number<uint64_t>(),
            de.at("sampled").at("documents").to_number<uint64_t>() +
                de.at("heldout").at("documents").to_number<uint64_t>() + 3);
  for (const char* lang : {"de", "fi", "mt"}) {
    const double share = m.counts.at("languages").at(lang).at("heldout").at("chars").to_number<double>() /
                         m.counts.at("languages").at(lang).at("in").at("chars").to_number<double>();
    EXPECT_GT(share, 0.05) << lang;
    EXPECT_LT(share, 0.25) << lang;
  }
  // The languages are mixed: no long run of one of them.
  std::string last;
  size_t run = 0, longest = 0;
  ASSERT_TRUE(artifact::for_each_document(*env_, c_.out, [&](Document&& d) {
                run = d.lang == last ? run + 1 : 1;
                last = d.lang;
                longest = std::max(longest, run);
                return Result<void>();
              }).ok());
  EXPECT_LT(longest, 40u);
}

// Copies of a held-out page, whole, edited, shortened, quoted: none may be trained on.
TEST_F(Corpus, NoCopyOfAHeldOutPageIsTrainedOn) {
  auto all = pages(300);
  documents(all);
  run_new();
  const auto held = urls("heldout-");
  ASSERT_GT(held.size(), 10u);
  std::map<std::string, std::string> texts;
  for (const Document& d : all) texts[d.url] = d.text;
  std::vector<Document> planted = all;
  std::set<std::string> copies;
  int n = 0;
  for (const std::string& url : held) {
    const std::string& t = texts.at(url);
    for (const std::string& copy :
         {t, "  " + t + "\n\n", edited(t, 40), edited(t, 15), t.substr(0, t.size() * 2 / 3),
          prose(5000 + static_cast<uint32_t>(n), 150, "bcdfgh") + t +
              prose(9000 + static_cast<uint32_t>(n), 150, "bcdfgh")}) {
      planted.insert(planted.begin() + static_cast<long>(n * 7 % 200),
                     page("https://copy/" + std::to_string(n), "de", copy));
      copies.insert("https://copy/" + std::to_string(n++));
    }
  }
  // A copy may itself be chosen to be held out; nothing that was trained on may be a copy of what is.
  documents(planted);
  run_new();
  std::map<std::string, std::string> now;
  for (const Document& d : planted) now[d.url] = d.text;
  const auto train = urls("part-"), held_now = urls("heldout-");
  for (const std::string& url : held) {
    if (!held_now.contains(url)) continue;
    for (int k = 0; k < 6; ++k) {
      const auto at = static_cast<size_t>(std::distance(held.begin(), held.find(url)));
      const std::string copy = "https://copy/" + std::to_string(at * 6 + static_cast<size_t>(k));
      EXPECT_FALSE(train.contains(copy)) << "kind " << k;
    }
  }
  size_t by_leak = 0;
  for (const auto& [url, d] : drops()) by_leak += d.rule == "heldout_copy" && copies.contains(url);
  EXPECT_GT(by_leak, 5u);
}

TEST_F(Corpus, DuplicatesGoAndTheirKeeperIsNamed) {
  auto all = pages(200);
  c_.split.heldout = 0;
  all.push_back(page("https://same", "de", "\n" + all[0].text));
  all.push_back(page("https://near", "de", edited(all[7].text, 60)));
  all.push_back(all[20]);  // fetched twice
  documents(all);
  run_new();
  const auto d = drops();
  EXPECT_EQ(d.size(), 3u);
  EXPECT_EQ(d.at("https://same").rule, "exact_duplicate");
  EXPECT_EQ(d.at("https://same").detail, all[0].id);
  EXPECT_EQ(d.at("https://near").rule, "near_duplicate");
  EXPECT_EQ(d.at("https://near").detail, all[7].id);
  EXPECT_GT(d.at("https://near").value, 0.8);
  EXPECT_EQ(d.at("https://near").threshold, 0.8);
  EXPECT_EQ(d.at("https://x/20").rule, "duplicate_id");
  EXPECT_TRUE(urls("part-").contains("https://x/20"));

  c_.near_duplicates = 0;
  c_.exact_duplicates = false;
  run_new();
  EXPECT_EQ(drops().size(), 1u);
}

TEST_F(Corpus, TheMixRepeatsAndLeavesOutByLanguage) {
  documents(pages(500));
  c_.split.heldout = 0;
  c_.mix.alpha = 0;
  c_.mix.max_epochs = 3;
  run_new();
  auto of = [&](const char* lang, const char* what) {
    return artifact::read_manifest(*env_, c_.out)->counts.at("languages").at(lang).at(what);
  };
  EXPECT_EQ(of("de", "epochs").to_number<double>(), 1);
  EXPECT_EQ(of("mt", "epochs").to_number<double>(), 3);
  EXPECT_EQ(of("mt", "sampled").at("documents").to_number<int>(), 150);
  std::map<std::string, std::set<int64_t>> copies;
  ASSERT_TRUE(artifact::for_each_document(*env_, c_.out, [&](Document&& d) {
                const json::value* copy = d.extra.if_contains("copy");
                EXPECT_TRUE(copies[d.url].insert(copy == nullptr ? 0 : copy->to_number<int64_t>()).second);
                return Result<void>();
              }).ok());
  EXPECT_EQ(copies.at("https://x/9"), (std::set<int64_t>{0, 1, 2}));

  c_.mix.budget = 20'000;
  run_new();
  const double sampled = artifact::read_manifest(*env_, c_.out)->counts.at("chars").to_number<double>();
  EXPECT_NEAR(sampled, 20'000, 5'000);
  EXPECT_EQ(drops().begin()->second.rule, "mix");
}

TEST_F(Corpus, ThreadsAndBatchesDoNotChangeAByte) {
  documents(pages(400));
  const std::string one = run_new(1);
  EXPECT_EQ(run_new(2), one);
  EXPECT_EQ(run_new(5), one);
  c_.batch_bytes = 1;
  EXPECT_EQ(run_new(3), one);
  c_.batch_bytes = 1u << 30;
  EXPECT_EQ(run_new(2), one);
  c_.seed = 2;
  EXPECT_NE(run_new(2), one);
}

// Killed at every point where it writes; the next run ends with the same bytes.
TEST_F(Corpus, KilledAnywhereEndsTheSame) {
  documents(pages(60));
  c_.part_bytes = 20'000;
  c_.batch_bytes = 30'000;
  const std::string wanted = run_new(2);
  for (uint64_t at = 1;; ++at) {
    ASSERT_LT(at, 1000u);
    ASSERT_TRUE(env_->remove_tree(c_.out).ok());
    const pid_t child = ::fork();
    if (child == 0) {
      auto killed = faulty_env(Env::real(), Fault::kKill, at);
      ::_exit(run(*killed, 2).ok() ? 0 : 1);
    }
    int code = 0;
    ASSERT_EQ(::waitpid(child, &code, 0), child);
    const auto again = run(*env_, 2);
    ASSERT_TRUE(again.ok()) << "killed at " << at << ": " << again.error().message();
    ASSERT_EQ(snapshot(), wanted) << "killed at " << at;
    if (WEXITSTATUS(code) == 0) break;
    ASSERT_EQ(WEXITSTATUS(code), 137);
  }
}

TEST_F(Corpus, AFullDiskSaysSoAndIsFinishedLater) {
  documents(pages(120));
  const std::string wanted = run_new(2);
  for (uint64_t at = 1;; at += 3) {
    ASSERT_TRUE(env_->remove_tree(c_.out).ok());
    auto full = faulty_env(Env::real(), Fault::kFull, at);
    const auto r = run(*full, 2);
    if (r.ok()) break;
    EXPECT_EQ(r.error().code(), ErrorCode::kFull);
    EXPECT_NE(r.error().hint().find("run the same command again"), std::string::npos);
    ASSERT_TRUE(run(*env_, 2).ok());
    ASSERT_EQ(snapshot(), wanted) << at;
  }
}

// Stops after so many progress calls.
class Stopper : public QuietReporter {
 public:
  Stopper(StopFlag& stop, int after) : stop_(stop), left_(after) {}
  void progress(const Progress&) override {
    if (left_.fetch_sub(1) == 1) stop_.request();
  }

 private:
  StopFlag& stop_;
  std::atomic<int> left_;
};

TEST_F(Corpus, StopsOnRequestAndGoesOn) {
  documents(pages(200));
  const std::string wanted = run_new(2);
  for (const int after : {1, 9, 25, 60}) {
    ASSERT_TRUE(env_->remove_tree(c_.out).ok());
    StopFlag stop;
    Stopper reporter(stop, after);
    ThreadPool pool(2);
    Context ctx{*env_, pool, reporter, stop, 1};
    const auto r = corpus::run(c_, ctx);
    ASSERT_FALSE(r.ok()) << after;
    EXPECT_EQ(r.error().code(), ErrorCode::kInterrupted);
    ASSERT_TRUE(run(*env_, 2).ok());
    EXPECT_EQ(snapshot(), wanted);
  }
}

TEST_F(Corpus, NothingToTrainOnIsAnErrorThatSaysWhy) {
  documents({});
  EXPECT_EQ(run(*env_, 1).error().what(), "no document in " + c_.documents);
  ASSERT_TRUE(env_->remove_tree(c_.out).ok());
  auto all = pages(10);
  for (Document& d : all) d.lang = "tlh";
  all[3].tdm = "reserved";
  documents(all);
  EXPECT_EQ(run(*env_, 1).error().what(),
            "no document of 10 is left to train on (dropped: tdm 1, language 9)");
}

TEST_F(Corpus, BrokenLinesAreSkippedUpToAShare) {
  auto all = pages(100);
  documents(all);
  auto w = *artifact::FrameWriter::create(*env_, c_.documents + "/part-00002.jsonl.zst");
  ASSERT_TRUE(w->add_line("{\"id\": \"half a li").ok());
  ASSERT_TRUE(w->close().ok());
  const auto strict = run(*env_, 1);
  ASSERT_FALSE(strict.ok());
  EXPECT_EQ(strict.error().what(), "1 of 101 lines in " + c_.documents + " are broken");
  c_.max_broken = 0.02;
  run_new();
  const auto d = drops().at("");
  EXPECT_EQ(d.rule, "broken");
  EXPECT_NE(d.detail.find("part-00002.jsonl.zst:1: not valid JSON"), std::string::npos);
}

TEST_F(Corpus, ExplainsOneDocument) {
  auto all = pages(100);
  all[5].text = "zu kurz";
  c_.split.heldout = 0;
  documents(all);
  EXPECT_EQ(explain(c_, *env_, all[5].id)->outcome, "not decided yet: run leam corpus");
  run_new();
  const Explanation e = *explain(c_, *env_, all[5].id);
  EXPECT_EQ(e.outcome, "dropped: min_chars 7 against 200");
  EXPECT_EQ(e.rules.size(), 14u);
  EXPECT_NE(to_text(e).find("DROP min_words"), std::string::npos) << to_text(e);
  EXPECT_EQ(explain(c_, *env_, all[10].id)->outcome.substr(0, 10), "trained on");
  EXPECT_EQ(explain(c_, *env_, "no such").error().code(), ErrorCode::kNotFound);
}

TEST_F(Corpus, KeysOfTheConfiguration) {
  const auto file = *leam::Config::parse(
      "[project]\nname = \"p\"\nseed = 7\n[corpus]\nalpha = 0.3\nheldout = 0.01\n[corpus.rules]\nmin_words = "
      "3\n",
      "f/leam.toml");
  const Config c = *Config::from(file);
  EXPECT_EQ(c.seed, 7u);
  EXPECT_EQ(c.documents, "f/documents");
  EXPECT_EQ(c.mix.alpha, 0.3);
  EXPECT_EQ(c.rules.min_words, 3);
  EXPECT_EQ(plan(c).params.at("heldout"), 0.01);
  const auto wrong = Config::from(*leam::Config::parse("[corpus]\nnear_duplicate = 0.3\n", "leam.toml"));
  EXPECT_EQ(wrong.error().hint(), "did you mean \"near_duplicates\"?");
}

}  // namespace
}  // namespace leam::corpus
