#include "base/artifact/documents.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include "base/artifact/frames_internal.h"

namespace leam::artifact {
namespace {

std::string scratch(const char* name) {
  // In memory where there is such a place: these tests sync thousands of files.
  const std::string root = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : testing::TempDir();
  return root + "leam_documents_" + name + std::to_string(::getpid());
}

Document sample() {
  Document d;
  d.id = hash128("https://example.org/ä").hex();
  d.text = "Přílišʼ žluťoučký\tkůň\n\"quoted\" \\ back\x01\x1f and \xF0\x9F\x98\x80 end";
  d.source = "demo";
  d.added = "2026-11-20T18:37:26Z";
  d.url = "https://example.org/ä";
  d.title = "Kůň";
  d.lang = "cs";
  d.lang_score = 0.97;
  d.tdm = "allowed";
  d.extra =
      json::parse(R"({"n":-3,"big":18446744073709551615,"list":[1.5,null,true,{"k":"v\n"}]})").as_object();
  return d;
}

TEST(Documents, LineIsStableAndReadsBack) {
  Document d;
  d.id = "00ff";
  d.text = "Zeile\nzwei \"x\"";
  d.source = "s";
  d.url = "u";
  d.lang = "de";
  d.lang_score = 0.5;
  d.extra["page"] = 7;
  EXPECT_EQ(to_line(d),
            R"({"id":"00ff","text":"Zeile\nzwei \"x\"","source":"s","metadata":{"url":"u","lang":"de",)"
            R"("lang_score":0.5,"security":"public","page":7}})");

  const Document in = sample();
  const std::string line = to_line(in);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const Document out = *document_from_line(line, "f:1");
  EXPECT_EQ(out.text, in.text);
  EXPECT_EQ(out.extra, in.extra);
  EXPECT_EQ(to_line(out), line);
  // A second reader agrees on the text.
  EXPECT_EQ(json::parse(line).at("text").as_string(), in.text);
}

TEST(Documents, BytesThatAreNotUtf8BecomeReplacements) {
  Document d;
  d.id = "1";
  // A lone continuation, an overlong slash, a surrogate, a cut sequence at the end.
  d.text = "a\x80 b\xC0\xAF c\xED\xA0\x80 \xC3\xA4 \xE2\x82";
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(document_from_line(to_line(d), "f:1")->text,
            "a" + r + " b" + r + r + " c" + r + r + r + " \xC3\xA4 " + r + r);
}

TEST(Documents, ForeignLines) {
  const auto d = document_from_line(
      R"({"text":"t","version":"v1","lang":"fi","id":"x","metadata":{"licence":null,"len":3}})", "f:1");
  ASSERT_TRUE(d.ok());
  EXPECT_EQ(d->lang, "fi");
  EXPECT_EQ(d->licence, "");
  EXPECT_EQ(json::serialize(d->extra), R"({"version":"v1","len":3})");
}

TEST(Documents, BrokenLinesNameFileLineAndField) {
  const auto what = [](std::string_view line) { return document_from_line(line, "p.zst:9").error().what(); };
  EXPECT_EQ(what(R"({"id":"x"})"), "p.zst:9: a document needs a \"text\"");
  EXPECT_EQ(what(R"({"text":"x"})"), "p.zst:9: a document needs an \"id\"");
  EXPECT_EQ(what(R"({"id":3,"text":"x"})"), "p.zst:9: \"id\" must be a string");
  EXPECT_EQ(what(R"({"id":"3","text":"x","metadata":{"lang_score":"high"}})"),
            "p.zst:9: \"lang_score\" must be a number");
  EXPECT_EQ(what(R"([1])"), "p.zst:9: a line must be one JSON object");
  for (const char* bad : {"", "{", "{\"id\":\"\xFF\",\"text\":\"\"}", "{\"id\":\"1\",\"text\":\"x\"} 3"})
    EXPECT_EQ(document_from_line(bad, "f").error().code(), ErrorCode::kCorrupt) << bad;
  EXPECT_FALSE(document_from_line(R"({"id":"1","text":"x","a":)" + std::string(5000, '['), "f").ok());
  EXPECT_FALSE(drop_from_line(R"({"stage":"s","rule":"r","chars":-1})", "f").ok());
}

TEST(Documents, DropsReadBack) {
  const Drop in{"id", "https://x", "de", "corpus", "min_chars", 12, 200, 12, "detail \"d\""};
  const std::string line = to_line(in);
  EXPECT_EQ(line,
            R"({"id":"id","url":"https://x","lang":"de","stage":"corpus","rule":"min_chars","value":12,)"
            R"("threshold":200,"chars":12,"detail":"detail \"d\""})");
  EXPECT_EQ(to_line(*drop_from_line(line, "f")), line);
}

class Frames : public testing::Test {
 protected:
  Frames() : folder_(scratch("frames")), path_(folder_ + "/part-00000.jsonl.zst") {
    EXPECT_TRUE(env_->make_dirs(folder_).ok());
  }
  ~Frames() override { EXPECT_TRUE(env_->remove_tree(folder_).ok()); }

  static std::string line(int i) {
    return "{\"n\":" + std::to_string(i) + ",\"pad\":\"" + std::string(static_cast<size_t>(i) % 97, 'x') +
           "\"}";
  }
  Result<void> write(Env& env, int lines, size_t frame_bytes) {
    auto w = LEAM_TRY(FrameWriter::create(env, path_, {.level = 3, .frame_bytes = frame_bytes}));
    for (int i = 0; i < lines; ++i) LEAM_TRY(w->add_line(line(i)));
    return w->close();
  }
  void expect_lines(int lines) {
    int seen = 0;
    const auto read = for_each_line(*env_, folder_, "part-", [&](std::string_view l, std::string_view w) {
      EXPECT_EQ(l, line(seen));
      EXPECT_EQ(w, path_ + ":" + std::to_string(seen + 1));
      ++seen;
      return Result<void>();
    });
    EXPECT_TRUE(read.ok()) << read.error().message();
    EXPECT_EQ(seen, lines);
  }

  std::unique_ptr<Env> env_ = Env::real();
  std::string folder_, path_;
};

TEST_F(Frames, ReadsWithTheIndexAndWithout) {
  ASSERT_TRUE(write(*env_, 500, 1000).ok());
  expect_lines(500);
  const auto with = (*FrameReader::open(*env_, path_))->frames();
  EXPECT_GT(with.size(), 20u);
  ASSERT_TRUE(env_->remove(index_path(path_)).ok());
  expect_lines(500);
  const auto without = (*FrameReader::open(*env_, path_))->frames();
  ASSERT_EQ(with.size(), without.size());
  for (size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(with[i].offset, without[i].offset);
    EXPECT_EQ(with[i].size, without[i].size);
    EXPECT_EQ(with[i].lines, without[i].lines);
    EXPECT_EQ(with[i].bytes, without[i].bytes);
  }
  EXPECT_FALSE(env_->exists(path_ + ".tmp"));
}

TEST_F(Frames, NoLinesIsAFileToo) {
  ASSERT_TRUE(write(*env_, 0, 1000).ok());
  EXPECT_GT(*env_->file_size(path_), 0u);
  expect_lines(0);
  ASSERT_TRUE(env_->remove(index_path(path_)).ok());
  expect_lines(0);
}

TEST_F(Frames, PackedFramesMixWithLines) {
  auto w = *FrameWriter::create(*env_, path_);
  ASSERT_TRUE(w->add_line(line(0)).ok());
  ASSERT_TRUE(w->add_frame(*pack_frame(line(1) + "\n" + line(2) + "\n")).ok());
  ASSERT_TRUE(w->add_line(line(3)).ok());
  ASSERT_TRUE(w->close().ok());
  EXPECT_EQ(w->lines(), 4u);
  expect_lines(4);
  EXPECT_EQ((*FrameReader::open(*env_, path_))->frames().size(), 3u);
}

// A stale or damaged index is never believed.
TEST_F(Frames, AWrongIndexFallsBackToTheFrames) {
  ASSERT_TRUE(write(*env_, 300, 1000).ok());
  const std::string index = *env_->read_file(index_path(path_));
  for (size_t at = 0; at < index.size(); at += 7) {
    std::string bad = index;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    ASSERT_TRUE(env_->write_atomic(index_path(path_), bad).ok());
    expect_lines(300);
  }
  ASSERT_TRUE(env_->write_atomic(index_path(path_), index.substr(0, index.size() / 2)).ok());
  expect_lines(300);
  ASSERT_TRUE(write(*env_, 200, 1000).ok());
  ASSERT_TRUE(env_->write_atomic(index_path(path_), index).ok());
  expect_lines(200);
}

TEST_F(Frames, DamageNamesFileAndByte) {
  ASSERT_TRUE(write(*env_, 500, 4000).ok());
  const std::string good = *env_->read_file(path_);
  const auto frames = (*FrameReader::open(*env_, path_))->frames();
  const auto read_all = [&] {
    return for_each_line(*env_, folder_, "",
                         [](std::string_view, std::string_view) { return Result<void>(); });
  };
  // Cut in the middle of the third frame: the index no longer fits, the walk finds the place.
  ASSERT_TRUE(env_->write_atomic(path_, good.substr(0, frames[2].offset + 40)).ok());
  auto cut = read_all();
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(cut.error().what().find(path_ + " at byte " + std::to_string(frames[2].offset)),
            std::string::npos)
      << cut.error().message();
  ASSERT_TRUE(env_->write_atomic(path_, "").ok());
  EXPECT_EQ(read_all().error().what(), path_ + " at byte 0: the file is empty");
  // A flipped bit anywhere is found: by the frame's checksum, or as a broken frame.
  for (const bool with_index : {true, false}) {
    if (!with_index) {
      ASSERT_TRUE(env_->remove(index_path(path_)).ok());
    }
    for (size_t at = 0; at < good.size(); at += 61) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      ASSERT_TRUE(env_->write_atomic(path_, bad).ok());
      EXPECT_FALSE(read_all().ok()) << at;
    }
  }
  ASSERT_TRUE(env_->write_atomic(path_, "{\"not\": \"zstd\"}\n").ok());
  EXPECT_FALSE(read_all().ok());
}

TEST_F(Frames, ForeignFilesMustCutAtLines) {
  const auto frame = [](std::string_view text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
    return out;
  };
  const std::string skippable("\x50\x2A\x4D\x18\x03\x00\x00\x00xyz", 11);
  const std::string a = frame(line(0) + "\n" + line(1) + "\n");
  // Without an index, with a skippable frame, the last newline missing.
  ASSERT_TRUE(env_->write_atomic(path_, a + skippable + frame(line(2))).ok());
  expect_lines(3);
  // A line that goes on in the next frame cannot be read frame by frame.
  ASSERT_TRUE(env_->write_atomic(path_, a + frame("{\"n\"") + frame(":2}\n")).ok());
  const auto opened = FrameReader::open(*env_, path_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), ErrorCode::kInvalid);
}

TEST_F(Frames, AFullDiskOrAKillNeverLeavesAHalfPart) {
  for (uint64_t at = 1; at < 60; ++at) {
    auto full = faulty_env(Env::real(), Fault::kFull, at);
    const auto written = write(*full, 300, 1000);
    if (written.ok()) {
      EXPECT_GT(at, 5u);
      break;
    }
    EXPECT_EQ(written.error().code(), ErrorCode::kFull);
    EXPECT_FALSE(env_->exists(path_));

    const pid_t child = ::fork();
    if (child == 0) {
      auto killed = faulty_env(Env::real(), Fault::kKill, at);
      ::_exit(write(*killed, 300, 1000).ok() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 137);
    EXPECT_FALSE(env_->exists(path_));
    expect_lines(0);  // what is there is not taken for a part
  }
  ASSERT_TRUE(write(*env_, 300, 1000).ok());
  expect_lines(300);
}

TEST_F(Frames, ListsPartsByPrefixAndSkipsWork) {
  ASSERT_TRUE(write(*env_, 3, 1000).ok());
  ASSERT_TRUE(env_->make_dirs(folder_ + "/.work").ok());
  ASSERT_TRUE(env_->write_atomic(folder_ + "/.work/part-1.jsonl.zst", "junk").ok());
  ASSERT_TRUE(env_->write_atomic(folder_ + "/part-00001.jsonl.zst.tmp", "junk").ok());
  auto w = *FrameWriter::create(*env_, folder_ + "/heldout-00000.jsonl.zst");
  ASSERT_TRUE(w->add_line(to_line(sample())).ok());
  ASSERT_TRUE(w->close().ok());
  EXPECT_EQ(list_parts(*env_, folder_, "part-")->size(), 1u);
  EXPECT_EQ(list_parts(*env_, folder_, "")->size(), 2u);
  int seen = 0;
  ASSERT_TRUE(for_each_document(*env_, folder_, "heldout-", [&](Document&& d) {
                EXPECT_EQ(d.title, "Kůň");
                ++seen;
                return Result<void>();
              }).ok());
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace leam::artifact
