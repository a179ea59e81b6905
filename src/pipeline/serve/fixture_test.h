// A model folder made on the spot: random weights, a byte-level tokenizer without merges, so that a token is
// a byte. And a server on it, in this process or in one that may be killed.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <future>
#include <string>
#include <thread>

#include "base/artifact/safetensors.h"
#include "base/core/json.h"
#include "base/core/rng.h"
#include "base/http/client.h"
#include "engine/nn/decoder.h"
#include "pipeline/serve/keys.h"
#include "pipeline/serve/serve.h"

namespace leam::serve {

// Hugging Face's printable alphabet of byte-level tokenizers: byte → code point.
inline std::string byte_token(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  int point = byte;
  if (!printable(byte)) {
    point = 256;
    for (int b = 0; b < byte; ++b) point += printable(b) ? 0 : 1;
  }
  std::string out;
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else {
    out += static_cast<char>(0xc0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
  return out;
}

inline std::string tiny_tokenizer(bool chatml) {
  json::object vocab;
  for (int b = 0; b < 256; ++b) vocab[byte_token(b)] = b;
  json::array added;
  int id = 256;
  for (const char* name : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    if (id > 256 && !chatml) break;
    added.push_back({{"id", id++},
                     {"content", name},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const json::object byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return json::serialize(json::object{{"version", "1.0"},
                                      {"truncation", nullptr},
                                      {"padding", nullptr},
                                      {"added_tokens", std::move(added)},
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
                                        {"vocab", std::move(vocab)},
                                        {"merges", json::array{}}}}});
}

inline Result<void> make_tiny_model(Env& env, const std::string& folder, bool chatml = false) {
  nn::DecoderConfig c;
  c.vocab = 260;
  c.d_model = 32;
  c.n_layers = 2;
  c.n_heads = 4;
  c.n_kv_heads = 2;
  c.head_dim = 8;
  c.ffn = 64;
  c.max_context = 512;
  c.eos_ids = {256};
  std::vector<std::vector<float>> data;
  std::vector<artifact::SafeTensorOut> out;
  uint32_t n = 0;
  for (const nn::ParameterSpec& p : c.parameters()) {
    std::vector<float> x(static_cast<size_t>(p.shape.numel()));
    const Stream random(11, purpose("tiny"), 0, n++);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = p.kind == nn::ParameterKind::kGain ? 1.0f : 0.2f * random.normal(i);
    }
    data.push_back(std::move(x));
  }
  n = 0;
  for (const nn::ParameterSpec& p : c.parameters()) {
    artifact::SafeTensorOut t{p.name, "F32", {}, {}};
    for (int i = 0; i < p.shape.rank(); ++i) t.shape.push_back(p.shape[i]);
    const std::vector<float>& x = data[n++];
    t.bytes = {reinterpret_cast<const char*>(x.data()), x.size() * sizeof(float)};
    out.push_back(std::move(t));
  }
  LEAM_TRY(env.make_dirs(folder));
  LEAM_TRY(artifact::write_safetensors(env, path_join(folder, "model.safetensors"), out, {}));
  LEAM_TRY(env.write_atomic(path_join(folder, "config.json"), c.to_json(tensor::DType::kF32)));
  return env.write_atomic(path_join(folder, "tokenizer.json"), tiny_tokenizer(chatml));
}

// A server in this process, on its own thread.
class Live {
 public:
  Live(Env& env, Config config) : pool_(2) {
    thread_ = std::thread([this, &env, c = std::move(config)] {
      Context ctx{env, pool_, reporter_, stop_};
      bool told = false;
      result_ = run(c, ctx, [&](const std::string& address) {
        told = true;
        port_.set_value(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
      });
      if (!told) port_.set_value(0);
    });
    port = port_.get_future().get();
  }
  ~Live() { (void)end(); }
  Result<void> end() {
    stop_.request();
    if (thread_.joinable()) thread_.join();
    return result_;
  }
  uint16_t port = 0;

 private:
  ThreadPool pool_;
  QuietReporter reporter_;
  StopFlag stop_;
  Result<void> result_;
  std::promise<uint16_t> port_;
  std::thread thread_;
};

class ServeFixture : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/leam-serve-XXXXXX";
    folder_ = ::mkdtemp(name);
    config_.model = path_join(folder_, "tiny");
    config_.ledger = path_join(folder_, "ledger.db");
    config_.port = 0;
    config_.dtype = "f32";
    const auto made = make_tiny_model(*env_, config_.model);
    ASSERT_TRUE(made.ok()) << made.error().message();
    key_ = Keys::open(*env_, config_.ledger)->create("tests")->secret;
  }
  void TearDown() override { EXPECT_TRUE(env_->remove_tree(folder_).ok()); }

  http::Headers auth() const {
    return {{"Authorization", "Bearer " + key_}, {"Content-Type", "application/json"}};
  }
  static json::value parsed(const std::string& body) {
    auto v = parse_json(body, "answer");
    EXPECT_TRUE(v.ok()) << body;
    return v.ok() ? *v : json::value(json::object{});
  }
  http::ClientResponse post(uint16_t port, const std::string& path, const json::value& body) const {
    http::Client client("127.0.0.1", port);
    auto r = client.send("POST", path, json::serialize(body), auth());
    EXPECT_TRUE(r.ok()) << r.error().message();
    return r.ok() ? *r : http::ClientResponse{};
  }

  std::unique_ptr<Env> env_ = Env::real();
  std::string folder_, key_;
  Config config_;
};

}  // namespace leam::serve
