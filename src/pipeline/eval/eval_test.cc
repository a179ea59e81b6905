// The stage on a corpus and a model made here. All weights of the model are zero, so every token has
// probability 1/V whatever came before it: what the stage must report follows by hand.
#include "pipeline/eval/eval.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <list>

#include "base/artifact/documents.h"
#include "base/artifact/safetensors.h"
#include "base/text/utf8.h"
#include "engine/nn/decoder_config.h"
#include "pipeline/eval/report.h"
#include "pipeline/eval/selection.h"

namespace leam::eval {
namespace {

constexpr int64_t kV = 257;  // the bytes and the end of text

// GPT-2's alphabet: a printable character for each byte.
std::string byte_letter(int byte) {
  static const auto printable = [](int b) {
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
  };
  std::string out;
  int odd = 0;
  for (int b = 0; b < byte; ++b) odd += printable(b) ? 0 : 1;
  text::append_utf8(out, static_cast<char32_t>(printable(byte) ? byte : 256 + odd));
  return out;
}

std::string byte_tokenizer() {
  json::object vocab;
  for (int b = 0; b < 256; ++b) vocab[byte_letter(b)] = b;
  vocab["<|endoftext|>"] = 256;
  const json::object byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return pretty_json(json::object{{"version", "1.0"},
                                  {"truncation", nullptr},
                                  {"padding", nullptr},
                                  {"added_tokens", json::array{{{"id", 256},
                                                                {"content", "<|endoftext|>"},
                                                                {"single_word", false},
                                                                {"lstrip", false},
                                                                {"rstrip", false},
                                                                {"normalized", false},
                                                                {"special", true}}}},
                                  {"normalizer", nullptr},
                                  {"pre_tokenizer", byte_level},
                                  {"post_processor", nullptr},
                                  {"decoder", byte_level},
                                  {"model",
                                   {{"type", "BPE"},
                                    {"dropout", nullptr},
                                    {"unk_token", nullptr},
                                    {"continuing_subword_prefix", nullptr},
                                    {"end_of_word_suffix", nullptr},
                                    {"fuse_unk", false},
                                    {"byte_fallback", false},
                                    {"vocab", vocab},
                                    {"merges", json::array{}}}}});
}

class EvalTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / fmt::format("leam-eval-{}", ::getpid());
    std::filesystem::remove_all(root_);
    ASSERT_TRUE(env_->make_dirs(root_ + "/corpus").ok());
    ASSERT_TRUE(env_->make_dirs(root_ + "/model").ok());
    write_model();
    config_.corpus = root_ + "/corpus";
    config_.model = root_ + "/model";
    config_.out = root_ + "/eval";
    config_.max_bytes = 2000;
    config_.continuation = 5;
    config_.dictionary_bytes = 4096;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write_model() {
    nn::DecoderConfig m;
    m.vocab = kV;
    m.d_model = 16;
    m.n_layers = 1;
    m.n_heads = m.n_kv_heads = 2;
    m.head_dim = 8;
    m.ffn = 16;
    m.max_context = 64;
    m.bos_id = 256;
    m.eos_ids = {256};
    ASSERT_TRUE(env_->write_atomic(root_ + "/model/config.json", m.to_json(tensor::DType::kF32)).ok());
    ASSERT_TRUE(env_->write_atomic(root_ + "/model/tokenizer.json", byte_tokenizer()).ok());
    std::vector<artifact::SafeTensorOut> out;
    for (const nn::ParameterSpec& p : m.parameters()) {
      zeros_.emplace_back(static_cast<size_t>(p.shape.numel()) * 4, '\0');
      std::vector<int64_t> shape;
      for (int i = 0; i < p.shape.rank(); ++i) shape.push_back(p.shape[i]);
      out.push_back({p.name, "F32", shape, zeros_.back()});
    }
    ASSERT_TRUE(artifact::write_safetensors(*env_, root_ + "/model/model.safetensors", out, {}).ok());
  }

  void write_corpus(const std::string& name, const std::vector<artifact::Document>& documents) {
    auto w = artifact::FrameWriter::create(*env_, root_ + "/corpus/" + name);
    ASSERT_TRUE(w.ok()) << w.error().message();
    for (const artifact::Document& d : documents) ASSERT_TRUE((*w)->add_line(artifact::to_line(d)).ok());
    ASSERT_TRUE((*w)->close().ok());
  }
  static artifact::Document document(const std::string& lang, int number, int size) {
    artifact::Document d;
    d.id = hash128(fmt::format("{}{}", lang, number)).hex();
    d.lang = lang;
    while (d.text.size() < static_cast<size_t>(size))
      d.text += fmt::format("Größe Nummer {} von {} ist {}.\n", number, lang, d.text.size() * 7919 % 1000);
    return d;
  }
  void write_usual_corpus() {
    std::vector<artifact::Document> held, train;
    for (int i = 0; i < 20; ++i) {
      held.push_back(document("de", i, 50 + 60 * i));
      if (i < 2) held.push_back(document("x/../y", i, 100));
      train.push_back(document("de", 100 + i, 400));
      train.push_back(document("fr", i, 400));
    }
    write_corpus("heldout-00000.jsonl.zst", held);
    write_corpus("part-00000.jsonl.zst", train);
  }
  Result<void> run() {
    Context ctx{*env_, pool_, reporter_, stop_, 1};
    return eval::run(config_, ctx);
  }

  std::unique_ptr<Env> env_ = Env::real();
  ThreadPool pool_{2};
  QuietReporter reporter_;
  StopFlag stop_;
  std::string root_;
  Config config_;
  std::list<std::string> zeros_;
};

TEST_F(EvalTest, UniformModelScoresTheLogarithmOfItsVocabulary) {
  write_usual_corpus();
  const auto done = run();
  ASSERT_TRUE(done.ok()) << done.error().message();
  const auto e = read_evaluation(*env_, config_.out);
  ASSERT_TRUE(e.ok()) << e.error().message();
  ASSERT_EQ(e->languages.size(), 2u);
  const LanguageResult& de = e->languages[0];
  EXPECT_EQ(de.lang, "de");
  EXPECT_EQ(de.heldout_documents, 20u);
  EXPECT_GE(de.bytes, 2000u);
  EXPECT_LT(de.documents, 20u);
  EXPECT_EQ(de.tokens, de.bytes + de.documents);  // a token a byte, and the ends
  EXPECT_LT(de.chars, de.bytes);
  EXPECT_NEAR(de.bits_per_byte(),
              std::log2(kV) * static_cast<double>(de.tokens) / static_cast<double>(de.bytes), 1e-4);
  EXPECT_NEAR(de.nats_per_token(), std::log(kV), 1e-4);
  EXPECT_GT(de.zstd_bytes, 0u);
  EXPECT_GT(de.dictionary_bytes, 0u);
  EXPECT_EQ(e->languages[1].lang, "x/../y");
  EXPECT_EQ(e->languages[1].dictionary_bytes, 0u);  // it has no training text
  ASSERT_EQ(e->continuations.size(), std::min<uint64_t>(3, de.documents) + 2);
  EXPECT_TRUE(e->continuations[0].prompt.starts_with("Größe Nummer "));
  EXPECT_LE(e->continuations[0].tokens, 5);
  const auto html = env_->read_file(config_.out + "/report.html");
  ASSERT_TRUE(html.ok());
  EXPECT_NE(html->find("German"), std::string::npos);
}

TEST_F(EvalTest, SameBytesAgainStoppedAndWithOtherThreads) {
  write_usual_corpus();
  ASSERT_TRUE(run().ok());
  const auto first = artifact::read_manifest(*env_, config_.out);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(run().ok());  // fresh
  // Killed after any number of writes, then run again with one thread.
  ThreadPool one(1);
  for (uint64_t at = 1; at < 60; at += 3) {
    ASSERT_TRUE(env_->remove_tree(config_.out).ok());
    {
      auto full = faulty_env(Env::real(), Fault::kFull, at);
      Context ctx{*full, one, reporter_, stop_, 1};
      if (eval::run(config_, ctx).ok()) break;
    }
    Context ctx{*env_, one, reporter_, stop_, 1};
    ASSERT_TRUE(eval::run(config_, ctx).ok());
    const auto again = artifact::read_manifest(*env_, config_.out);
    ASSERT_TRUE(again.ok());
    ASSERT_EQ(again->content, first->content) << at;
  }
  ASSERT_TRUE(env_->remove_tree(config_.out).ok());
  stop_.request();
  const auto stopped = run();
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code(), ErrorCode::kInterrupted);
}

TEST_F(EvalTest, SaysWhatIsMissing) {
  auto r = run();
  ASSERT_FALSE(r.ok());
  EXPECT_NE(r.error().message().find("no held-out document"), std::string::npos) << r.error().message();
  write_usual_corpus();
  ASSERT_TRUE(env_->remove(root_ + "/model/tokenizer.json").ok());
  r = run();
  ASSERT_FALSE(r.ok());
  EXPECT_NE(r.error().message().find("tokenizer.json"), std::string::npos) << r.error().message();
  ASSERT_TRUE(env_->make_dirs(config_.out).ok());
  ASSERT_TRUE(env_->write_atomic(config_.out + "/report.json", R"({"format": 1, "model": 3})").ok());
  const auto e = read_evaluation(*env_, config_.out);
  ASSERT_FALSE(e.ok());
  EXPECT_NE(e.error().message().find("model"), std::string::npos);
}

TEST_F(EvalTest, SampleIsBoundedAndStable) {
  std::vector<artifact::Document> held;
  for (int i = 0; i < 200; ++i) held.push_back(document("de", i, 100));
  write_corpus("heldout-00000.jsonl.zst", held);
  const auto small = select_heldout(*env_, config_.corpus, 1000, stop_);
  const auto large = select_heldout(*env_, config_.corpus, 5000, stop_);
  ASSERT_TRUE(small.ok() && large.ok());
  const Sample& s = (*small)[0];
  EXPECT_EQ(s.heldout_documents, 200u);
  EXPECT_GE(s.bytes, 1000u);
  EXPECT_LT(s.bytes, 1200u);
  ASSERT_LT(s.documents.size(), (*large)[0].documents.size());
  for (size_t i = 0; i < s.documents.size(); ++i) EXPECT_EQ(s.documents[i].id, (*large)[0].documents[i].id);
}

TEST(FirstWords, KeepWhatStandsBetweenThem) {
  EXPECT_EQ(first_words("one two three four", 3), "one two three");
  EXPECT_EQ(first_words("one two", 3), "one two");
  EXPECT_EQ(first_words("Title\nAnd text here", 3), "Title\nAnd text");
  EXPECT_EQ(first_words(" \n Größe  ist\tda", 2), "Größe  ist");
  EXPECT_EQ(first_words(" \n ", 2), "");
  EXPECT_EQ(first_words("", 2), "");
}

}  // namespace
}  // namespace leam::eval
