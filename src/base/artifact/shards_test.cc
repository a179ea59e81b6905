#include "base/artifact/shards.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace leam::artifact {
namespace {

class Shards : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/leam-shards-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void TearDown() override { ASSERT_TRUE(env_->remove_tree(folder_).ok()); }
  std::string path(const std::string& name) const { return path_join(folder_, name); }

  // Not synced, unlike write_atomic: there are many of them.
  void put(const std::string& name, std::string_view bytes) {
    auto out = env_->create(path(name));
    ASSERT_TRUE(out.ok() && (*out)->write(bytes).ok() && (*out)->close().ok());
  }

  // Documents of 1, 2, … ids, each ending with id 0.
  void write(const std::string& name, uint64_t vocab, int documents, const std::string& lang) {
    auto w = ShardWriter::create(*env_, path(name), {vocab, {1, 2}, 0});
    ASSERT_TRUE(w.ok());
    uint32_t next = 1;
    for (int d = 0; d < documents; ++d) {
      std::vector<uint32_t> ids(static_cast<size_t>(d) + 1);
      for (uint32_t& id : ids) id = static_cast<uint32_t>((next += 7919) % vocab);
      ids.back() = 0;
      ShardDocument doc;
      doc.id = {static_cast<uint64_t>(d), 42};
      doc.lang = d % 2 == 0 ? std::string_view(lang) : "fi";
      doc.source = "web";
      doc.text_bytes = static_cast<uint64_t>(d) * 10;
      doc.text_chars = static_cast<uint64_t>(d) * 9;
      ASSERT_TRUE((*w)->add(doc, ids).ok());
    }
    ASSERT_TRUE((*w)->close().ok());
  }

  std::unique_ptr<Env> env_ = Env::real();
  std::string folder_;
};

TEST_F(Shards, RoundTripsNarrowAndWideIds) {
  for (const uint64_t vocab : {300u, 65536u, 70000u}) {
    write("train-00000.tokens", vocab, 5, "de");
    const auto s = Shard::open(*env_, path("train-00000.tokens"));
    ASSERT_TRUE(s.ok()) << s.error().message();
    EXPECT_EQ(s->id_bytes(), vocab > 65536 ? 4 : 2);
    EXPECT_EQ(s->vocabulary(), (ShardVocabulary{vocab, {1, 2}, 0}));
    EXPECT_EQ(s->documents(), 5u);
    EXPECT_EQ(s->tokens(), 15u);
    EXPECT_TRUE(s->verify().ok());
    const ShardDocument d = s->document(3);
    EXPECT_EQ(d.begin, 6u);
    EXPECT_EQ(d.end, 10u);
    EXPECT_EQ(d.id, (Hash128{3, 42}));
    EXPECT_EQ(d.lang, "fi");
    EXPECT_EQ(d.source, "web");
    EXPECT_EQ(d.text_bytes, 30u);
    EXPECT_EQ(d.text_chars, 27u);
    for (uint64_t t = 0; t < 15; ++t) {
      const ShardDocument owner = s->document(s->document_at(t));
      EXPECT_LE(owner.begin, t);
      EXPECT_GT(owner.end, t);
    }
    std::vector<uint32_t> ids(15);
    ASSERT_TRUE(s->read(0, ids).ok());
    EXPECT_EQ(ids[9], 0u);
    EXPECT_EQ(ids[1], (1 + 2 * 7919) % vocab);
    EXPECT_EQ(s->id(1), ids[1]);
    EXPECT_FALSE(s->read(10, ids).ok());
    EXPECT_FALSE(s->read(~0ull, ids).ok());
  }
}

TEST_F(Shards, ASetReadsAcrossBorders) {
  write("train-00000.tokens", 300, 3, "de");
  write("train-00001.tokens", 300, 0, "de");
  write("train-00002.tokens", 300, 4, "sv");
  write("other-00000.tokens", 70000, 4, "sv");
  const auto set = ShardSet::open(*env_, folder_);
  ASSERT_TRUE(set.ok()) << set.error().message();
  EXPECT_EQ(set->size(), 3u);
  EXPECT_EQ(set->tokens(), 16u);
  EXPECT_EQ(set->documents(), 7u);
  EXPECT_EQ(set->document(3).begin, 6u);
  EXPECT_EQ(set->document(3).lang, "sv");
  EXPECT_EQ(set->document_at(6), 3u);
  std::vector<uint32_t> all(16), window(5);
  ASSERT_TRUE(set->read(0, all).ok());
  for (uint64_t at = 0; at + 5 <= 16; ++at) {
    ASSERT_TRUE(set->read(at, window).ok());
    EXPECT_TRUE(std::equal(window.begin(), window.end(), all.begin() + static_cast<ptrdiff_t>(at)));
  }
  EXPECT_FALSE(set->read(12, window).ok());
  write("train-00003.tokens", 301, 1, "de");
  EXPECT_FALSE(ShardSet::open(*env_, folder_).ok());
  EXPECT_EQ(ShardSet::open(*env_, folder_, "none").error().code(), ErrorCode::kNotFound);
}

TEST_F(Shards, EveryTruncationIsNamed) {
  write("train-00000.tokens", 300, 4, "de");
  const std::string whole = *env_->read_file(path("train-00000.tokens"));
  for (size_t n = 0; n < whole.size(); ++n) {
    put("cut", std::string_view(whole).substr(0, n));
    const auto s = Shard::open(*env_, path("cut"));
    ASSERT_FALSE(s.ok()) << n;
    EXPECT_EQ(s.error().code(), ErrorCode::kCorrupt);
    EXPECT_NE(s.error().message().find("at byte " + std::to_string(n)), std::string::npos);
  }
}

TEST_F(Shards, EveryChangedByteIsFoundAndNoneHarms) {
  write("train-00000.tokens", 300, 4, "de");
  const std::string whole = *env_->read_file(path("train-00000.tokens"));
  for (size_t n = 0; n < whole.size(); ++n) {
    std::string bad = whole;
    bad[n] = static_cast<char>(bad[n] ^ 0x81);
    put("bad", bad);
    const auto s = Shard::open(*env_, path("bad"));
    const bool fine = s.ok() && s->verify().ok();
    EXPECT_FALSE(fine) << n;
    if (!s.ok()) continue;
    std::vector<uint32_t> ids(s->tokens());
    (void)s->read(0, ids).ok();
    for (uint64_t d = 0; d < s->documents(); ++d) (void)s->document(d);
  }
}

TEST_F(Shards, AKilledWriterLeavesNoShard) {
  {
    auto w = ShardWriter::create(*env_, path("train-00000.tokens"), {300, {}, 0});
    ASSERT_TRUE(w.ok());
    const std::vector<uint32_t> ids{1, 2, 0};
    ASSERT_TRUE((*w)->add({}, ids).ok());
  }
  EXPECT_FALSE(env_->exists(path("train-00000.tokens")));
}

}  // namespace
}  // namespace leam::artifact
