#include "engine/nn/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/artifact/safetensors.h"
#include "engine/tensor/ops/ops.h"

namespace leam::nn {
namespace {

using tensor::DType;
using tensor::Exec;
using tensor::Shape;
using tensor::Tensor;
using tensor::Var;

constexpr std::string_view kWhere = "nn.decoder";
constexpr size_t kPerLayer = 9;

// The stored tensor as `wanted`: mapped if it has that type and lies aligned, otherwise a converted copy.
Result<Tensor> load_tensor(const artifact::SafeTensors& file, const Exec& exec, const ParameterSpec& spec,
                           DType wanted) {
  const artifact::SafeTensorInfo& info = *LEAM_TRY(file.find(spec.name));
  const auto bad = [&](std::string what) {
    return Error(
        ErrorCode::kCorrupt, kWhere,
        fmt::format("{}: tensor {} at offset {} {}", file.file_of(spec.name), spec.name, info.begin, what),
        "weights and config.json do not belong together");
  };
  bool same = info.shape.size() == static_cast<size_t>(spec.shape.rank());
  for (int i = 0; same && i < spec.shape.rank(); ++i)
    same = info.shape[static_cast<size_t>(i)] == spec.shape[i];
  if (!same) {
    return bad(
        fmt::format("has shape ({}), config.json wants {}", fmt::join(info.shape, ", "), spec.shape.str()));
  }
  DType stored = DType::kF32;
  if (info.dtype == "BF16") {
    stored = DType::kBF16;
  } else if (info.dtype != "F32") {
    return bad(fmt::format("has type {}; F32 and BF16 are read", info.dtype));
  }
  const std::string_view bytes = file.bytes(spec.name);
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % 64 == 0;
  if (aligned && stored == wanted && exec.memory.device() == tensor::Device::kCpu)
    return Tensor::view(spec.shape, stored, bytes.data(), file.owner());
  Tensor copy = Tensor::empty(exec.memory, spec.shape, stored);
  std::memcpy(copy.raw(), bytes.data(), bytes.size());
  return stored == wanted ? copy : copy.to(exec.memory, wanted);
}

// The last row of each chunk that wants one, or all; rows of the call's N in order.
std::vector<int64_t> wanted_rows(std::span<const Chunk> chunks) {
  std::vector<int64_t> rows;
  int64_t begin = 0;
  for (const Chunk& c : chunks) {
    const int64_t end = begin + static_cast<int64_t>(c.ids.size());
    if (c.want == Want::kLast) rows.push_back(end - 1);
    if (c.want == Want::kAll) {
      for (int64_t r = begin; r < end; ++r) rows.push_back(r);
    }
    begin = end;
  }
  return rows;
}

void copy_rows(const Tensor& from, int64_t begin, int64_t n, const Tensor& to, int64_t at) {
  const size_t row = from.bytes() / static_cast<size_t>(from.shape()[0]);
  std::memcpy(static_cast<std::byte*>(to.raw()) + static_cast<size_t>(at) * row,
              static_cast<const std::byte*>(from.raw()) + static_cast<size_t>(begin) * row,
              static_cast<size_t>(n) * row);
}

}  // namespace

Result<std::unique_ptr<Decoder>> Decoder::load(const Env& env, const Exec& exec, const std::string& folder,
                                               DType compute) {
  bug_if(compute == DType::kI32, "a model cannot compute in integers");
  const std::string path = path_join(folder, "config.json");
  DecoderConfig config = LEAM_TRY(DecoderConfig::from_json(LEAM_TRY(env.read_file(path)), path));
  const auto file = LEAM_TRY(artifact::SafeTensors::open_folder(env, folder));
  std::vector<Tensor> weights;
  for (const ParameterSpec& spec : config.parameters()) {
    const DType wanted = spec.kind == ParameterKind::kGain ? DType::kF32 : compute;
    Tensor w = LEAM_TRY(load_tensor(file, exec, spec, wanted));
    // Loaded weights do not change any more: arrange them for products once, not at every call.
    if (spec.kind == ParameterKind::kMatrix) w = tensor::prepared_for_linear(exec, w);
    weights.push_back(std::move(w));
  }
  return std::make_unique<Decoder>(std::move(config), std::move(weights));
}

Decoder::Decoder(DecoderConfig config, std::vector<Tensor> weights)
    : config_(std::move(config)), weights_(std::move(weights)) {
  const std::vector<ParameterSpec> specs = config_.parameters();
  bug_if(specs.size() != weights_.size(), "a decoder with too few or too many weights");
  for (size_t i = 0; i < specs.size(); ++i)
    bug_if(specs[i].shape != weights_[i].shape(), "weight " + specs[i].name + " has another shape");
}

uint64_t Decoder::weight_bytes() const {
  uint64_t n = 0;
  for (const Tensor& w : weights_) n += w.bytes();
  return n;
}

// Indices follow the order of DecoderConfig::parameters().
Decoder::Layer Decoder::layer(int64_t index) const {
  const size_t i = 1 + static_cast<size_t>(index) * kPerLayer;
  return {i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7, i + 8};
}

size_t Decoder::norm_index() const {
  return 1 + static_cast<size_t>(config_.n_layers) * kPerLayer;
}

Var Decoder::loss(tensor::Tape& tape, const Batch& batch, std::span<Tensor> grads, Tensor* row_losses) const {
  bug_if(!grads.empty() && grads.size() != weights_.size(), "gradients do not match the parameters");
  bug_if(batch.ids.numel() != batch.B * batch.T, "batch of another size than B·T");
  std::vector<Var> w;
  w.reserve(weights_.size());
  for (size_t i = 0; i < weights_.size(); ++i)
    w.push_back(grads.empty() ? tape.constant(weights_[i]) : tape.leaf(weights_[i], &grads[i]));

  const auto eps = static_cast<float>(config_.norm_eps);
  const auto theta = static_cast<float>(config_.rope_theta);
  const int hq = static_cast<int>(config_.n_heads), hkv = static_cast<int>(config_.n_kv_heads);
  const tensor::AttentionShape shape{batch.T, hq, hkv, config_.head_dim};
  Var x = embedding(tape, w[0], batch.ids);
  for (int64_t n = 0; n < config_.n_layers; ++n) {
    const Layer l = layer(n);
    {
      const Var h = rms_norm(tape, x, w[l.input_norm], eps);
      const Var q = rope(tape, linear(tape, h, w[l.q]), batch.positions, hq, theta);
      const Var k = rope(tape, linear(tape, h, w[l.k]), batch.positions, hkv, theta);
      const Var v = linear(tape, h, w[l.v]);
      x = add(tape, x, linear(tape, attention(tape, q, k, v, batch.starts, shape), w[l.o]));
    }
    const Var h = rms_norm(tape, x, w[l.post_norm], eps);
    const Var inner = swiglu(tape, linear(tape, h, w[l.gate]), linear(tape, h, w[l.up]));
    x = add(tape, x, linear(tape, inner, w[l.down]));
  }
  x = rms_norm(tape, x, w[norm_index()], eps);
  return classifier_loss(tape, x, w[classifier_index()], batch.targets, row_losses);
}

Tensor Decoder::row_losses(const Exec& exec, const Batch& batch) const {
  Tensor rows = Tensor::zeros(exec.memory, {batch.B * batch.T}, DType::kF32);
  tensor::Tape tape(exec, false);
  loss(tape, batch, {}, &rows);
  return rows;
}

KvSlot Decoder::make_slot(tensor::Memory& memory, int64_t capacity) const {
  KvSlot slot;
  slot.capacity = capacity;
  const Shape shape{capacity, config_.n_kv_heads * config_.head_dim};
  for (int64_t n = 0; n < config_.n_layers; ++n) {
    slot.k.push_back(Tensor::empty(memory, shape, compute()));
    slot.v.push_back(Tensor::empty(memory, shape, compute()));
  }
  return slot;
}

uint64_t Decoder::kv_bytes(int64_t capacity) const {
  return static_cast<uint64_t>(2 * config_.n_layers * capacity * config_.n_kv_heads * config_.head_dim) *
         tensor::size_of(compute());
}

Tensor Decoder::logits(const Exec& exec, std::span<const Chunk> chunks) const {
  int64_t rows = 0;
  for (const Chunk& c : chunks) {
    const auto n = static_cast<int64_t>(c.ids.size());
    bug_if(n == 0 || c.slot == nullptr || c.start < 0 || c.start + n > c.slot->capacity ||
               c.start + n > config_.max_context,
           "a chunk that does not fit its cache");
    rows += n;
  }
  if (rows == 0) return {};
  Tensor ids = Tensor::empty(exec.memory, {rows}, DType::kI32);
  Tensor positions = Tensor::empty(exec.memory, {rows}, DType::kI32);
  std::vector<tensor::Segment> segments;
  int64_t at = 0;
  for (const Chunk& c : chunks) {
    const auto n = static_cast<int64_t>(c.ids.size());
    for (int64_t i = 0; i < n; ++i) {
      const int32_t id = c.ids[static_cast<size_t>(i)];
      bug_if(id < 0 || id >= config_.vocab, "a token id outside the vocabulary");
      ids.data<int32_t>()[at + i] = id;
      positions.data<int32_t>()[at + i] = static_cast<int32_t>(c.start + i);
    }
    segments.push_back({at, n, c.start, {}, {}});
    at += n;
  }

  tensor::Tape tape(exec, false);
  const auto eps = static_cast<float>(config_.norm_eps);
  const auto theta = static_cast<float>(config_.rope_theta);
  const int hq = static_cast<int>(config_.n_heads), hkv = static_cast<int>(config_.n_kv_heads);
  const tensor::AttentionShape shape{rows, hq, hkv, config_.head_dim};
  const auto w = [&](size_t i) { return tape.constant(weights_[i]); };
  Var x = embedding(tape, w(0), ids);
  for (int64_t n = 0; n < config_.n_layers; ++n) {
    const Layer l = layer(n);
    {
      const Var h = rms_norm(tape, x, w(l.input_norm), eps);
      const Var q = rope(tape, linear(tape, h, w(l.q)), positions, hq, theta);
      const Var k = rope(tape, linear(tape, h, w(l.k)), positions, hkv, theta);
      const Var v = linear(tape, h, w(l.v));
      for (size_t i = 0; i < chunks.size(); ++i) {
        tensor::Segment& s = segments[i];
        s.kc = chunks[i].slot->k[static_cast<size_t>(n)];
        s.vc = chunks[i].slot->v[static_cast<size_t>(n)];
        copy_rows(k.value(), s.row, s.rows, s.kc, s.start);
        copy_rows(v.value(), s.row, s.rows, s.vc, s.start);
      }
      const Var a = tape.constant(attention_cached(exec, q.value(), segments, shape));
      x = add(tape, x, linear(tape, a, w(l.o)));
    }
    const Var h = rms_norm(tape, x, w(l.post_norm), eps);
    const Var inner = swiglu(tape, linear(tape, h, w(l.gate)), linear(tape, h, w(l.up)));
    x = add(tape, x, linear(tape, inner, w(l.down)));
  }
  const std::vector<int64_t> wanted = wanted_rows(chunks);
  if (wanted.empty()) return {};
  const auto count = static_cast<int64_t>(wanted.size());
  Tensor last = Tensor::empty(exec.memory, {count, config_.d_model}, compute());
  for (int64_t i = 0; i < count; ++i) copy_rows(x.value(), wanted[static_cast<size_t>(i)], 1, last, i);
  const Var y = rms_norm(tape, tape.constant(std::move(last)), w(norm_index()), eps);
  return classifier_logits(exec, y.value(), weights_[classifier_index()]);
}

}  // namespace leam::nn
