#include "pipeline/tokens/tokens.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/artifact/documents.h"
#include "base/artifact/shards.h"
#include "base/text/tokenizer.h"
#include "pipeline/tokens/bpe_trainer.h"

namespace leam::tokens {
namespace {

// Words of three languages and some code, varied by a counter.
std::string sample_text(int n) {
  static const std::vector<std::string> words{"Grüße",  "aus",     "dem",    "Süden",  "the",      "quick",
                                              "brown",  "fox",     "Привет", "мир",    "l'été",    "n'est",
                                              "jamais", "fini",    "x+=1",   "return", "καλημέρα", "Straße",
                                              "😀",      "1234567", "Żółć",   "gęślą",  "jaźń",     "don't"};
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += words[static_cast<size_t>(n * 31 + i * i * 7 + i) % words.size()];
    text += i % 11 == 10 ? "\n" : i % 7 == 3 ? ", " : " ";
  }
  return text;
}

class Tokens : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/leam-tokens-XXXXXX";
    folder_ = ::mkdtemp(name);
    config_.corpus = path_join(folder_, "corpus");
    config_.out = path_join(folder_, "tokens");
    config_.vocab = 700;
  }
  void TearDown() override { ASSERT_TRUE(env_->remove_tree(folder_).ok()); }

  void write_part(const std::string& name, int first, int documents) {
    ASSERT_TRUE(env_->make_dirs(config_.corpus).ok());
    artifact::FrameWriter::Options options;
    options.frame_bytes = 4096;  // many frames
    auto w = artifact::FrameWriter::create(*env_, path_join(config_.corpus, name), options);
    ASSERT_TRUE(w.ok());
    for (int i = first; i < first + documents; ++i) {
      artifact::Document d;
      d.id = hash128("doc" + std::to_string(i)).hex();
      d.text = sample_text(i);
      d.lang = i % 3 == 0 ? "de" : "el";
      d.source = "made";
      ASSERT_TRUE((*w)->add_line(artifact::to_line(d)).ok());
    }
    ASSERT_TRUE((*w)->close().ok());
  }
  void write_corpus() {
    write_part("part-00000.jsonl.zst", 0, 100);
    write_part("part-00001.jsonl.zst", 100, 50);
    write_part("heldout-00000.jsonl.zst", 1000, 20);
  }
  Result<void> run(int threads, Env& env) {
    ThreadPool pool(threads);
    QuietReporter reporter;
    StopFlag stop;
    Context context{env, pool, reporter, stop};
    return tokens::run(config_, context);
  }
  std::string content() { return artifact::content_hash(*env_, config_.out)->hex(); }

  std::unique_ptr<Env> env_ = Env::real();
  std::string folder_;
  Config config_;
};

TEST_F(Tokens, PacksEveryDocumentOfTheCorpusAndNoOther) {
  write_corpus();
  const auto done = run(2, *env_);
  ASSERT_TRUE(done.ok()) << done.error().message();
  const auto tokenizer = text::Tokenizer::load(*env_, config_.out);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message();
  EXPECT_EQ(tokenizer->vocab_size() % 64, 0u);
  EXPECT_EQ(tokenizer->token_to_id("<|endoftext|>"), 0u);
  EXPECT_TRUE(tokenizer->is_special(*tokenizer->token_to_id("<|im_start|>")));
  const auto shards = artifact::ShardSet::open(*env_, config_.out);
  ASSERT_TRUE(shards.ok()) << shards.error().message();
  EXPECT_EQ(shards->size(), 2u);
  ASSERT_EQ(shards->documents(), 150u);
  EXPECT_EQ(shards->vocabulary().tokenizer, tokenizer->content_hash());
  for (uint64_t i = 0; i < shards->documents(); ++i) {
    const artifact::ShardDocument d = shards->document(i);
    std::vector<uint32_t> ids(d.end - d.begin);
    ASSERT_TRUE(shards->read(d.begin, ids).ok());
    const std::string text = sample_text(static_cast<int>(i));
    EXPECT_EQ(ids.back(), shards->vocabulary().end_of_text);
    EXPECT_EQ(tokenizer->decode(ids), text);
    EXPECT_EQ(d.id, hash128("doc" + std::to_string(i)));
    EXPECT_EQ(d.text_bytes, text.size());
    EXPECT_EQ(d.lang, i % 3 == 0 ? "de" : "el");
  }
  const auto manifest = artifact::read_manifest(*env_, config_.out);
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->counts.at("documents").as_int64(), 150);
  EXPECT_EQ(manifest->counts.at("languages").at("de").at("documents").as_int64(), 50);
  EXPECT_EQ(manifest->counts.at("tokens").as_int64(), static_cast<int64_t>(shards->tokens()));
}

TEST_F(Tokens, TheSameBytesForAnyNumberOfThreads) {
  write_corpus();
  ASSERT_TRUE(run(1, *env_).ok());
  const std::string one = content();
  for (const int threads : {2, 5}) {
    ASSERT_TRUE(env_->remove_tree(config_.out).ok());
    ASSERT_TRUE(run(threads, *env_).ok());
    EXPECT_EQ(content(), one);
  }
}

TEST_F(Tokens, AFullDiskAtAnyWriteIsAnErrorAndTheNextRunFinishes) {
  write_corpus();
  ASSERT_TRUE(run(1, *env_).ok());
  const std::string whole = content();
  int failures = 0;
  for (uint64_t at = 1; at < 200; at += 7) {
    ASSERT_TRUE(env_->remove_tree(config_.out).ok());
    const auto env = faulty_env(Env::real(), Fault::kFull, at);
    const auto broken = run(1, *env);
    if (broken.ok()) break;
    EXPECT_EQ(broken.error().code(), ErrorCode::kFull) << broken.error().message();
    ++failures;
    const auto again = run(1, *env_);
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(content(), whole) << at;
  }
  EXPECT_GT(failures, 5);
}

TEST_F(Tokens, EmptyAndBrokenCorporaAreNamed) {
  EXPECT_FALSE(run(1, *env_).ok());
  write_part("part-00000.jsonl.zst", 0, 0);
  auto r = run(1, *env_);
  ASSERT_FALSE(r.ok());
  EXPECT_NE(r.error().message().find("no text to learn tokens from"), std::string::npos)
      << r.error().message();
  config_.special = {"<|a|>", "<|a|>"};
  write_part("part-00000.jsonl.zst", 0, 3);
  r = run(1, *env_);
  ASSERT_FALSE(r.ok());
  EXPECT_NE(r.error().message().find("<|a|>"), std::string::npos);
}

TEST(BpeTrainer, LearnsTheTextbookMerges) {
  // Sennrich et al. 2016, section 3.2: low (5), lower (2), newest (6), widest (3) first merge e s, es t; here
  // the end-of-word mark is missing, so l o and lo w follow at once.
  WordCounts counts;
  WordTable table;
  for (const auto& [word, n] :
       std::vector<std::pair<std::string, int>>{{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}})
    table.add(word, hash64(word), static_cast<uint64_t>(n));
  counts.add(table);
  QuietReporter reporter;
  StopFlag stop;
  const BpeOptions options{.vocab = 256 + 4, .round_to = 1, .min_frequency = 2, .reserved = 0, .special = {}};
  const auto v = train_bpe(counts, options, reporter, stop);
  ASSERT_TRUE(v.ok());
  ASSERT_EQ(v->tokens.size(), 260u);
  EXPECT_EQ(v->tokens[256], "es");
  EXPECT_EQ(v->tokens[257], "est");
  EXPECT_EQ(v->tokens[258], "lo");
  EXPECT_EQ(v->tokens[259], "low");
}

TEST(BpeTrainer, OverlappingPairsAndShortCorporaEnd) {
  WordCounts counts;
  WordTable table;
  for (const std::string& word : {std::string(250, 'a'), std::string("aaa"), std::string("abab")})
    table.add(word, hash64(word), 3);
  counts.add(table);
  QuietReporter reporter;
  StopFlag stop;
  const BpeOptions options{
      .vocab = 5000, .round_to = 64, .min_frequency = 2, .reserved = 3, .special = {"<e>"}};
  const auto v = train_bpe(counts, options, reporter, stop);
  ASSERT_TRUE(v.ok());
  EXPECT_LT(v->tokens.size(), 400u);
  EXPECT_EQ(v->tokens.size() % 64, 0u);
  const auto t = text::Tokenizer::parse(tokenizer_json(*v, text::Pattern::kGpt2, true), "made");
  ASSERT_TRUE(t.ok()) << t.error().message();
  EXPECT_EQ(t->vocab_size(), v->tokens.size());
  EXPECT_EQ(t->decode(t->encode("abab aaaa")), "abab aaaa");
}

}  // namespace
}  // namespace leam::tokens
