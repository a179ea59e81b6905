#include "engine/nn/decoder_config.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/core/json.h"

namespace leam::nn {
namespace {

constexpr std::string_view kWhere = "nn.config";
constexpr int64_t kMaxDim = int64_t{1} << 31;

// Reads members of one JSON object; the first fault is kept.
class Reader {
 public:
  Reader(const json::object& o, std::string_view where) : object_(o), where_(where) {}

  // nullptr when absent or null.
  const json::value* get(std::string_view key) const {
    const json::value* v = object_.if_contains(key);
    return v == nullptr || v->is_null() ? nullptr : v;
  }
  int64_t integer(std::string_view key, int64_t fallback, bool required = false) {
    const json::value* v = get(key);
    if (v == nullptr) {
      if (required) fail(key, "is missing");
      return fallback;
    }
    if (v->is_int64()) return v->get_int64();
    fail(key, "is not an integer");
    return fallback;
  }
  double number(std::string_view key, double fallback) {
    const json::value* v = get(key);
    if (v == nullptr) return fallback;
    if (v->is_double()) return v->get_double();
    if (v->is_int64()) return static_cast<double>(v->get_int64());
    fail(key, "is not a number");
    return fallback;
  }
  bool flag(std::string_view key, bool fallback) {
    const json::value* v = get(key);
    if (v == nullptr) return fallback;
    if (v->is_bool()) return v->get_bool();
    fail(key, "is not true or false");
    return fallback;
  }
  // The only value we compute; absent counts as it.
  void only(std::string_view key, std::string_view value) {
    const json::value* v = get(key);
    if (v == nullptr) return;
    if (!v->is_string() || std::string_view(v->get_string()) != value)
      unsupported(key, json::serialize(*v), value);
  }
  void absent(std::string_view key) {
    if (const json::value* v = get(key)) unsupported(key, json::serialize(*v), "null");
  }
  void unsupported(std::string_view key, std::string_view value, std::string_view instead) {
    fail(key, fmt::format("is {}: this model class computes only {}", value, instead));
  }
  void fail(std::string_view key, std::string what) {
    if (error_.empty()) error_ = fmt::format("{}: {} {}", where_, key, what);
  }
  const std::string& error() const { return error_; }

 private:
  const json::object& object_;
  std::string_view where_;
  std::string error_;
};

// The rotary part, in either spelling: rope_theta and rope_scaling at the top, or rope_parameters.
void read_rope(Reader& r, const Reader& top, DecoderConfig& c, std::string_view where) {
  c.rope_theta = r.number("rope_theta", c.rope_theta);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const json::value* v = top.get(key);
    if (v == nullptr) continue;
    if (!v->is_object()) return r.fail(key, "is not an object");
    Reader rope(v->get_object(), where);
    rope.only("rope_type", "default");
    rope.only("type", "default");
    if (rope.number("partial_rotary_factor", 1.0) != 1.0)
      rope.unsupported("partial_rotary_factor", "set", "1");
    c.rope_theta = rope.number("rope_theta", c.rope_theta);
    if (!rope.error().empty()) {
      const std::string what = rope.error().substr(where.size() + 2);
      return r.fail(fmt::format("{}.{}", key, what.substr(0, what.find(' '))),
                    what.substr(what.find(' ') + 1));
    }
  }
}

}  // namespace

Result<DecoderConfig> DecoderConfig::from_json(std::string_view text, std::string_view where) {
  const json::value root = LEAM_TRY(parse_json(text, where));
  if (!root.is_object())
    return Error(ErrorCode::kCorrupt, kWhere, fmt::format("{}: not a JSON object", where));
  const json::object& o = root.get_object();
  Reader r(o, where);

  if (const json::value* a = r.get("architectures")) {
    const bool llama = a->is_array() && a->get_array().size() == 1 && a->get_array()[0].is_string() &&
                       a->get_array()[0].get_string() == "LlamaForCausalLM";
    if (!llama) r.unsupported("architectures", json::serialize(*a), "[\"LlamaForCausalLM\"]");
  } else if (r.get("model_type") == nullptr) {
    r.fail("architectures", "is missing");
  }
  r.only("model_type", "llama");
  r.only("hidden_act", "silu");
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    if (r.flag(key, false)) r.unsupported(key, "true", "false");
  }
  r.absent("quantization_config");
  r.absent("sliding_window");

  DecoderConfig c;
  c.vocab = r.integer("vocab_size", 0, true);
  c.d_model = r.integer("hidden_size", 0, true);
  c.n_layers = r.integer("num_hidden_layers", 0, true);
  c.n_heads = r.integer("num_attention_heads", 0, true);
  c.n_kv_heads = r.integer("num_key_value_heads", c.n_heads);
  c.ffn = r.integer("intermediate_size", 0, true);
  c.head_dim = r.integer("head_dim", c.n_heads > 0 ? c.d_model / c.n_heads : 0);
  c.max_context = r.integer("max_position_embeddings", 2048);
  c.norm_eps = r.number("rms_norm_eps", 1e-6);
  c.tied = r.flag("tie_word_embeddings", false);
  c.init_std = r.number("initializer_range", 0.02);
  c.bos_id = r.integer("bos_token_id", -1);
  const json::value* eos = r.get("eos_token_id");
  if (eos != nullptr && eos->is_array()) {
    for (const json::value& v : eos->get_array()) {
      if (v.is_int64()) {
        c.eos_ids.push_back(v.get_int64());
      } else {
        r.fail("eos_token_id", "holds something that is not an integer");
      }
    }
  } else if (eos != nullptr) {
    c.eos_ids.push_back(r.integer("eos_token_id", 0));
  }
  read_rope(r, r, c, where);
  if (!r.error().empty()) return Error(ErrorCode::kInvalid, kWhere, r.error());
  LEAM_TRY(c.check(where));
  return c;
}

Result<void> DecoderConfig::check(std::string_view where) const {
  const auto bad = [&](std::string_view field, std::string_view what) {
    return Error(ErrorCode::kInvalid, kWhere, fmt::format("{}: {} {}", where, field, what));
  };
  struct Dim {
    const char* name;
    int64_t value;
  };
  const std::array<Dim, 8> dims = {{{"vocab_size", vocab},
                                    {"hidden_size", d_model},
                                    {"num_hidden_layers", n_layers},
                                    {"num_attention_heads", n_heads},
                                    {"num_key_value_heads", n_kv_heads},
                                    {"head_dim", head_dim},
                                    {"intermediate_size", ffn},
                                    {"max_position_embeddings", max_context}}};
  for (const Dim& d : dims) {
    if (d.value < 1 || d.value > kMaxDim) return bad(d.name, fmt::format("is {}, out of range", d.value));
  }
  if (n_layers > 1000) return bad("num_hidden_layers", fmt::format("is {}, more than 1000", n_layers));
  if (n_heads > 65536) return bad("num_attention_heads", fmt::format("is {}, more than 65536", n_heads));
  if (n_heads % n_kv_heads != 0)
    return bad("num_key_value_heads",
               fmt::format("is {}, which does not divide {} heads", n_kv_heads, n_heads));
  if (head_dim % 2 != 0 || head_dim > 65536)
    return bad("head_dim", fmt::format("is {}: an even number up to 65536 is needed", head_dim));
  if (!(rope_theta > 0) || !std::isfinite(rope_theta)) return bad("rope_theta", "is not a positive number");
  if (!(norm_eps > 0) || !(norm_eps < 1)) return bad("rms_norm_eps", "is not between 0 and 1");
  if (bos_id >= vocab) return bad("bos_token_id", fmt::format("is {}, past the vocabulary", bos_id));
  for (const int64_t id : eos_ids) {
    if (id < 0 || id >= vocab) return bad("eos_token_id", fmt::format("is {}, past the vocabulary", id));
  }
  return {};
}

std::string DecoderConfig::to_json(tensor::DType stored) const {
  const char* dtype = stored == tensor::DType::kBF16 ? "bfloat16" : "float32";
  json::object o;
  o["architectures"] = {"LlamaForCausalLM"};
  o["model_type"] = "llama";
  o["vocab_size"] = vocab;
  o["hidden_size"] = d_model;
  o["num_hidden_layers"] = n_layers;
  o["num_attention_heads"] = n_heads;
  o["num_key_value_heads"] = n_kv_heads;
  o["head_dim"] = head_dim;
  o["intermediate_size"] = ffn;
  o["hidden_act"] = "silu";
  o["max_position_embeddings"] = max_context;
  o["rms_norm_eps"] = norm_eps;
  o["rope_theta"] = rope_theta;
  o["rope_scaling"] = nullptr;
  o["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", rope_theta}};
  o["tie_word_embeddings"] = tied;
  o["attention_bias"] = false;
  o["attention_dropout"] = 0.0;
  o["mlp_bias"] = false;
  o["initializer_range"] = init_std;
  o["use_cache"] = true;
  if (bos_id >= 0) {
    o["bos_token_id"] = bos_id;
  } else {
    o["bos_token_id"] = nullptr;
  }
  if (eos_ids.size() == 1) {
    o["eos_token_id"] = eos_ids[0];
  } else if (eos_ids.empty()) {
    o["eos_token_id"] = nullptr;
  } else {
    json::array ids;
    for (const int64_t id : eos_ids) ids.push_back(id);
    o["eos_token_id"] = std::move(ids);
  }
  o["pad_token_id"] = nullptr;
  o["torch_dtype"] = dtype;
  o["dtype"] = dtype;
  return pretty_json(o);
}

std::vector<ParameterSpec> DecoderConfig::parameters() const {
  using enum ParameterKind;
  std::vector<ParameterSpec> out;
  out.push_back({"model.embed_tokens.weight", {vocab, d_model}, kEmbedding});
  for (int64_t n = 0; n < n_layers; ++n) {
    const std::string p = fmt::format("model.layers.{}.", n);
    out.push_back({p + "input_layernorm.weight", {d_model}, kGain});
    out.push_back({p + "self_attn.q_proj.weight", {n_heads * head_dim, d_model}, kMatrix});
    out.push_back({p + "self_attn.k_proj.weight", {n_kv_heads * head_dim, d_model}, kMatrix});
    out.push_back({p + "self_attn.v_proj.weight", {n_kv_heads * head_dim, d_model}, kMatrix});
    out.push_back({p + "self_attn.o_proj.weight", {d_model, n_heads * head_dim}, kMatrix});
    out.push_back({p + "post_attention_layernorm.weight", {d_model}, kGain});
    out.push_back({p + "mlp.gate_proj.weight", {ffn, d_model}, kMatrix});
    out.push_back({p + "mlp.up_proj.weight", {ffn, d_model}, kMatrix});
    out.push_back({p + "mlp.down_proj.weight", {d_model, ffn}, kMatrix});
  }
  out.push_back({"model.norm.weight", {d_model}, kGain});
  if (!tied) out.push_back({"lm_head.weight", {vocab, d_model}, kEmbedding});
  return out;
}

int64_t DecoderConfig::parameter_count() const {
  int64_t n = 0;
  for (const ParameterSpec& p : parameters()) n += p.shape.numel();
  return n;
}

double DecoderConfig::forward_flops(int64_t context) const {
  const auto f = [](int64_t x) { return static_cast<double>(x); };
  const double per_layer = f(d_model) * f(head_dim) * f(2 * n_heads + 2 * n_kv_heads) +
                           3 * f(d_model) * f(ffn) + f(n_heads) * f(head_dim) * f(context);
  return 2 * (f(n_layers) * per_layer + f(vocab) * f(d_model));
}

}  // namespace leam::nn
