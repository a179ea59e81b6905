// What the tests of this room share: a machine, a folder of their own, a small corpus of shards.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "engine/learn/trainer.h"
#include "engine/tensor/dispatch.h"

namespace leam::learn::test {

struct Machinery {
  explicit Machinery(int threads = 2) : pool(threads) {}
  ThreadPool pool;
  tensor::Memory memory;
  tensor::Dispatch dispatch;
  tensor::Exec exec{pool, memory, dispatch};
};

class Folder {
 public:
  Folder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            ("leam_learn_" + std::to_string(::getpid()) + "_" + info->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& name = "") const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Documents that count upwards in a vocabulary of 50, so that a model can learn them; id 0 ends each.
inline void write_corpus(Env& env, const std::string& folder, int documents = 40) {
  std::filesystem::create_directories(folder);
  const std::string tokenizer = "{}";
  ASSERT_TRUE(env.write_atomic(path_join(folder, "tokenizer.json"), tokenizer).ok());
  auto writer = artifact::ShardWriter::create(env, path_join(folder, artifact::shard_name("train", 0)),
                                              {50, hash128(tokenizer), 0});
  ASSERT_TRUE(writer.ok()) << writer.error().message();
  for (int d = 0; d < documents; ++d) {
    std::vector<uint32_t> ids;
    for (int i = 0; i < 5 + d % 17; ++i) ids.push_back(static_cast<uint32_t>(1 + (d * 7 + i) % 49));
    ids.push_back(0);
    artifact::ShardDocument doc;
    doc.id = hash128(std::to_string(d));
    doc.text_bytes = doc.text_chars = ids.size();
    doc.lang = d % 2 == 0 ? "de" : "fr";
    doc.source = "test";
    ASSERT_TRUE((*writer)->add(doc, ids).ok());
  }
  ASSERT_TRUE((*writer)->close().ok());
}

inline TrainerConfig tiny_config() {
  TrainerConfig t;
  t.model.vocab = 50, t.model.d_model = 32, t.model.n_layers = 2, t.model.n_heads = 4, t.model.n_kv_heads = 2;
  t.model.head_dim = 8, t.model.ffn = 48, t.model.max_context = 16, t.model.init_std = 0.1;
  t.T = 16, t.batch = 8, t.micro_batch = 8;
  return t;
}

}  // namespace leam::learn::test
