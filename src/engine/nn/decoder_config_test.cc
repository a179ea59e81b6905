#include "engine/nn/decoder_config.h"

#include <gtest/gtest.h>

namespace leam::nn {
namespace {

// A config with `extra` members over a small correct one.
std::string config_text(const std::string& extra) {
  return R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 64,
             "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
             "intermediate_size": 24, "tie_word_embeddings": true)" +
         (extra.empty() ? "" : ", " + extra) + "}";
}

std::string error_of(const std::string& extra) {
  const auto c = DecoderConfig::from_json(config_text(extra), "config.json");
  return c.ok() ? "" : c.error().message();
}

TEST(DecoderConfig, ReadsBothSpellingsOfTheRotaryBase) {
  const auto old = DecoderConfig::from_json(
      config_text(R"("rope_theta": 5000.0, "rope_scaling": null, "torch_dtype": "bfloat16")"), "c");
  ASSERT_TRUE(old.ok()) << old.error().message();
  EXPECT_EQ(old->rope_theta, 5000.0);
  const auto now = DecoderConfig::from_json(
      config_text(R"("rope_parameters": {"rope_type": "default", "rope_theta": 5000}, "dtype": "float32")"),
      "c");
  ASSERT_TRUE(now.ok()) << now.error().message();
  EXPECT_EQ(now->rope_theta, 5000.0);
  EXPECT_EQ(now->n_kv_heads, 4);
  EXPECT_EQ(now->head_dim, 4);
}

TEST(DecoderConfig, WhatIsWrittenIsReadBack) {
  DecoderConfig c;
  c.vocab = 512, c.d_model = 48, c.n_layers = 3, c.n_heads = 6, c.n_kv_heads = 2, c.head_dim = 8, c.ffn = 96;
  c.max_context = 77, c.rope_theta = 12345.0, c.norm_eps = 1e-6, c.tied = false, c.bos_id = 3;
  for (const std::vector<int64_t>& eos : {std::vector<int64_t>{}, {3}, {3, 5}}) {
    c.eos_ids = eos;
    const auto back = DecoderConfig::from_json(c.to_json(tensor::DType::kBF16), "c");
    ASSERT_TRUE(back.ok()) << back.error().message();
    EXPECT_EQ(back->to_json(tensor::DType::kBF16), c.to_json(tensor::DType::kBF16));
    EXPECT_EQ(back->eos_ids, eos);
    EXPECT_EQ(back->parameter_count(), c.parameter_count());
  }
}

TEST(DecoderConfig, CountsParametersAndWork) {
  DecoderConfig c;
  c.vocab = 16384, c.d_model = 384, c.n_layers = 6, c.n_heads = 6, c.n_kv_heads = 6, c.head_dim = 64;
  c.ffn = 1024, c.max_context = 256;
  EXPECT_EQ(c.parameter_count(), 16384 * 384 + 6 * (4 * 384 * 384 + 3 * 384 * 1024 + 2 * 384) + 384);
  const double matrices = 6.0 * (4 * 384 * 384 + 3 * 384 * 1024) + 16384.0 * 384;
  EXPECT_DOUBLE_EQ(c.forward_flops(256), 2 * (matrices + 6 * 384 * 256));
}

TEST(DecoderConfig, NamesTheFieldItCannotCompute) {
  EXPECT_EQ(error_of(""), "");
  EXPECT_NE(error_of(R"("hidden_act": "gelu")").find("hidden_act is \"gelu\""), std::string::npos);
  EXPECT_NE(error_of(R"("attention_bias": true)").find("attention_bias"), std::string::npos);
  EXPECT_NE(
      error_of(R"("rope_scaling": {"rope_type": "llama3", "factor": 8})").find("rope_scaling.rope_type"),
      std::string::npos);
  EXPECT_NE(error_of(R"("rope_parameters": {"rope_type": "yarn"})").find("rope_parameters.rope_type"),
            std::string::npos);
  EXPECT_NE(error_of(R"("sliding_window": 4096)").find("sliding_window"), std::string::npos);
  EXPECT_NE(error_of(R"("quantization_config": {})").find("quantization_config"), std::string::npos);
  EXPECT_NE(error_of(R"("num_key_value_heads": 3)").find("num_key_value_heads"), std::string::npos);
  EXPECT_NE(error_of(R"("head_dim": 5)").find("head_dim"), std::string::npos);
  EXPECT_NE(error_of(R"("eos_token_id": 64)").find("eos_token_id"), std::string::npos);
  EXPECT_NE(error_of(R"("rms_norm_eps": "x")").find("rms_norm_eps is not a number"), std::string::npos);
  EXPECT_NE(error_of(R"("max_position_embeddings": 0)").find("max_position_embeddings"), std::string::npos);
  const auto bert = DecoderConfig::from_json(R"({"architectures": ["BertModel"]})", "c");
  ASSERT_FALSE(bert.ok());
  EXPECT_NE(bert.error().message().find("architectures"), std::string::npos);
  EXPECT_FALSE(DecoderConfig::from_json("[]", "c").ok());
  EXPECT_FALSE(DecoderConfig::from_json("{", "c").ok());
}

}  // namespace
}  // namespace leam::nn
