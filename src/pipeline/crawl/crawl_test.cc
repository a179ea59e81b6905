#include "pipeline/crawl/crawl.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/artifact/documents.h"
#include "base/core/hash.h"
#include "pipeline/crawl/language.h"

namespace leam::crawl {
namespace {

const std::string kGerman =
    "<html lang=de><head><title>Brot backen</title><meta name=robots content='NOINDEX'>"
    "<meta name='tdm-reservation' content='1'><link rel=license "
    "href='https://creativecommons.org/licenses/by/4.0/deed.de'>"
    "</head><body><nav><a href=/>Startseite</a> <a href=/x>Rezepte</a></nav><article><h1>Brot backen</h1>"
    "<p>Ein gutes Brot braucht vor allem Zeit: Der Teig soll über Nacht ruhen und am Morgen noch einmal "
    "geknetet "
    "werden, bevor er in den heißen Ofen kommt.</p><p>Wer mag, gibt Walnüsse oder Sonnenblumenkerne dazu.</p>"
    "</article><footer>Impressum</footer></body></html>";

class Crawl : public testing::Test {
 protected:
  Crawl() : root_(testing::TempDir() + "leam_crawl_" + std::to_string(::getpid())) {
    config_.out = root_ + "/out";
    config_.inputs = {{"web", root_ + "/in"}};
  }
  ~Crawl() override { EXPECT_TRUE(env_->remove_tree(root_).ok()); }

  void put(const std::string& path, std::string_view bytes) {
    ASSERT_TRUE(env_->make_dirs(path_dir(root_ + "/in/" + path)).ok());
    ASSERT_TRUE(env_->write_atomic(root_ + "/in/" + path, bytes).ok());
  }
  Result<void> run_with(Env& env, int threads = 1) {
    ThreadPool pool(threads);
    QuietReporter quiet;
    Context ctx{env, pool, quiet, stop_, 1};
    return run(config_, ctx);
  }
  std::vector<artifact::Document> documents() {
    std::vector<artifact::Document> all;
    const auto done =
        artifact::for_each_document(*env_, config_.out, [&](artifact::Document&& d) -> Result<void> {
          all.push_back(std::move(d));
          return {};
        });
    EXPECT_TRUE(done.ok()) << done.error().message();
    return all;
  }
  std::vector<artifact::Drop> drops() {
    std::vector<artifact::Drop> all;
    const auto done = artifact::for_each_drop(*env_, config_.out, [&](artifact::Drop&& d) -> Result<void> {
      all.push_back(std::move(d));
      return {};
    });
    EXPECT_TRUE(done.ok()) << done.error().message();
    return all;
  }
  std::string snapshot() {
    std::string all;
    const std::vector<DirEntry> files = *env_->list(config_.out, true);
    for (const DirEntry& e : files) {
      if (!e.path.starts_with("run/"))
        all += e.path + "=" + hash128(*env_->read_file(path_join(config_.out, e.path))).hex();
    }
    return all;
  }

  std::string root_;
  std::unique_ptr<Env> env_ = Env::real();
  StopFlag stop_;
  Config config_;
};

TEST_F(Crawl, TurnsAFolderIntoDocuments) {
  put("de/brot.html", kGerman);
  put("empty.html", "");
  put("nav.html", "<nav>only links</nav>");
  put("picture.html", "\x89PNG\r\n\x1A\n");
  put("plain.txt", "Just some plain English text,\n  with two lines of it.\n");
  put("style.css", "p { }");
  const auto done = run_with(*env_);
  ASSERT_TRUE(done.ok()) << done.error().message();
  const auto docs = documents();
  ASSERT_EQ(docs.size(), 2u);
  const artifact::Document& d = docs[0];
  EXPECT_EQ(
      d.text,
      "Brot backen\nEin gutes Brot braucht vor allem Zeit: Der Teig soll über Nacht ruhen und am Morgen noch "
      "einmal geknetet werden, bevor er in den heißen Ofen kommt.\nWer mag, gibt Walnüsse oder "
      "Sonnenblumenkerne dazu.");
  EXPECT_EQ(d.id, hash128("web/de/brot.html").hex());
  EXPECT_EQ(d.source, "web");
  EXPECT_EQ(d.lang, "de");
  EXPECT_GT(d.lang_score, 0.8);
  EXPECT_EQ(d.title, "Brot backen");
  EXPECT_EQ(d.robots, "noindex");
  EXPECT_EQ(d.tdm, "reserved");
  EXPECT_EQ(d.licence, "https://creativecommons.org/licenses/by/4.0/");
  EXPECT_EQ(docs[1].text, "Just some plain English text,\n  with two lines of it.");
  const auto dropped = drops();
  ASSERT_EQ(dropped.size(), 3u);
  EXPECT_EQ(dropped[0].rule, "empty");
  EXPECT_EQ(dropped[1].rule, "empty");
  EXPECT_EQ(dropped[2].rule, "not-html");
  const auto manifest = artifact::read_manifest(*env_, config_.out);
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->counts.at("documents").to_number<int>(), 2);
  EXPECT_EQ(manifest->counts.at("pages").to_number<int>(), 5);
}

TEST_F(Crawl, ReadsJsonlAndCountsBrokenLines) {
  config_.max_broken_share = 0.5;
  put("a.jsonl",
      "{\"id\":\"x1\",\"text\":\"Il gatto dorme sulla sedia mentre fuori piove a "
      "dirotto.\",\"metadata\":{\"url\":\"http://u/\"}}\n"
      "{broken\n\n"
      "{\"url\":\"http://v/\",\"html\":\"<body><p>Le chat dort sur la chaise pendant qu'il pleut "
      "dehors.\"}\n");
  const auto done = run_with(*env_);
  ASSERT_TRUE(done.ok()) << done.error().message();
  const auto docs = documents();
  ASSERT_EQ(docs.size(), 2u);
  EXPECT_EQ(docs[0].lang, "it");
  EXPECT_EQ(docs[0].url, "http://u/");
  EXPECT_EQ(docs[0].id, hash128("x1").hex());
  EXPECT_EQ(docs[1].lang, "fr");
  const auto dropped = drops();
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].rule, "broken");
  EXPECT_NE(dropped[0].detail.find("a.jsonl at byte "), std::string::npos) << dropped[0].detail;
}

TEST_F(Crawl, StopsWhenTooMuchIsBroken) {
  put("a.jsonl", "{\"text\":\"fine text\"}\n{broken\n");
  const auto done = run_with(*env_);
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().message().find("max_broken_share"), std::string::npos);
  EXPECT_FALSE(env_->exists(config_.out + "/manifest.json"));
}

TEST_F(Crawl, SaysWhenThereIsNothing) {
  put("style.css", "p { }");
  const auto none = run_with(*env_);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().message().find("0 pages"), std::string::npos);
  EXPECT_FALSE(none.error().hint().empty());
  const auto file = leam::Config::parse("[crawl]\nout = \"d\"\n", "leam.toml");
  ASSERT_TRUE(file.ok());
  const auto config = Config::from(*file);
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.error().message().find("inputs"), std::string::npos);
}

TEST_F(Crawl, ReadsItsSection) {
  const auto file = leam::Config::parse(
      "[crawl]\nmin_chars = 30\ndate = \"2024-05-06\"\n[crawl.inputs]\nb = \"pages\"\na = [\"x.warc\", "
      "\"y.warc\"]\n",
      "leam.toml");
  ASSERT_TRUE(file.ok());
  const auto c = Config::from(*file);
  ASSERT_TRUE(c.ok()) << c.error().message();
  EXPECT_EQ(c->min_chars, 30u);
  ASSERT_EQ(c->inputs.size(), 3u);
  EXPECT_EQ(c->inputs[0].name, "b");
  EXPECT_EQ(c->inputs[2].path, "y.warc");
}

class CrawlParts : public Crawl {
 protected:
  void fill() {
    for (int i = 0; i < 40; ++i) {
      std::string page = kGerman;
      page.replace(page.find("Walnüsse"), 9, std::to_string(i) + " Nüsse");
      put("p" + std::to_string(100 + i) + ".html", page);
    }
    std::string lines;
    for (int i = 0; i < 30; ++i)
      lines += "{\"id\":\"" + std::to_string(i) + "\",\"text\":\"The line number " + std::to_string(i) +
               " of them.\"}\n";
    put("lines.jsonl", lines);
    config_.part_bytes = 5000;
  }
};

TEST_F(CrawlParts, GivesTheSameBytesForAnyNumberOfThreads) {
  fill();
  ASSERT_TRUE(run_with(*env_, 1).ok());
  const std::string one = snapshot();
  ASSERT_TRUE(env_->remove_tree(config_.out).ok());
  ASSERT_TRUE(run_with(*env_, 3).ok());
  EXPECT_EQ(snapshot(), one);
  EXPECT_EQ(documents().size(), 70u);
  EXPECT_GT(artifact::list_parts(*env_, config_.out, "part-")->size(), 4u);
}

TEST_F(CrawlParts, GoesOnAfterAFullDisk) {
  fill();
  ASSERT_TRUE(run_with(*env_).ok());
  const std::string whole = snapshot();
  int failed = 0;
  for (uint64_t at = 1; at < 400; at += 41) {
    ASSERT_TRUE(env_->remove_tree(config_.out).ok());
    const auto full = faulty_env(Env::real(), Fault::kFull, at);
    const auto first = run_with(*full);
    failed += first.ok() ? 0 : 1;
    const auto second = run_with(*env_);
    ASSERT_TRUE(second.ok()) << second.error().message();
    ASSERT_EQ(snapshot(), whole) << at;
  }
  EXPECT_GT(failed, 2);
}

TEST(Language, KnowsItsNeighbours) {
  EXPECT_EQ(detect_language("Dit is een gewone Nederlandse zin over het weer van vandaag.").code, "nl");
  EXPECT_EQ(detect_language("Αυτό είναι ένα απλό κείμενο στα ελληνικά για τον καιρό.").code, "el");
  EXPECT_EQ(detect_language("12345 67890").code, "und");
  EXPECT_EQ(detect_language("").code, "und");
}

}  // namespace
}  // namespace leam::crawl
