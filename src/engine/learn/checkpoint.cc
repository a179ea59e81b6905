#include "engine/learn/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/artifact/safetensors.h"

namespace leam::learn {
namespace {

using artifact::SafeTensorOut;

constexpr std::string_view kWhere = "learn.checkpoint";
constexpr std::string_view kPrefix = "step-";
constexpr size_t kKept = 2;

std::vector<int64_t> dims(const tensor::Shape& shape) {
  std::vector<int64_t> out;
  for (int i = 0; i < shape.rank(); ++i) out.push_back(shape[i]);
  return out;
}

SafeTensorOut entry(const FlatParameter& p, std::string prefix, const float* flat) {
  return {prefix + p.spec.name,
          "F32",
          dims(p.spec.shape),
          {reinterpret_cast<const char*>(flat + p.begin), static_cast<size_t>(p.size) * sizeof(float)}};
}

// Complete checkpoints, oldest first. (A name with another length would sort wrongly; we write eight digits.)
Result<std::vector<std::string>> checkpoints(const Env& env, const std::string& folder) {
  std::vector<std::string> out;
  if (!env.is_dir(folder)) return out;
  for (const DirEntry& e : LEAM_TRY(env.list(folder, false))) {
    if (e.is_dir && e.path.starts_with(kPrefix) && !e.path.ends_with(".tmp")) out.push_back(e.path);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<void> read_flat(const artifact::SafeTensors& file, const FlatParameter& p, const std::string& prefix,
                       float* flat) {
  const std::string name = prefix + p.spec.name;
  const artifact::SafeTensorInfo& info = *LEAM_TRY(file.find(name));
  if (info.dtype != "F32" || info.shape != dims(p.spec.shape)) {
    return Error(ErrorCode::kCorrupt, kWhere,
                 fmt::format("{}: tensor {} at offset {} is {} ({}), wanted F32 {}", file.file_of(name), name,
                             info.begin, info.dtype, fmt::join(info.shape, ", "), p.spec.shape.str()),
                 "delete this checkpoint; the one before it is kept");
  }
  const std::string_view bytes = file.bytes(name);
  std::memcpy(flat + p.begin, bytes.data(), bytes.size());
  return {};
}

}  // namespace

struct CheckpointWriter::Snapshot {
  std::vector<FlatParameter> list;
  std::string config, state;
  std::vector<float> master, first, second;
  int64_t step = 0;
};

CheckpointWriter::CheckpointWriter(Env& env, std::string folder) : env_(&env), folder_(std::move(folder)) {}

CheckpointWriter::~CheckpointWriter() {
  if (running_.valid()) running_.wait();
}

uint64_t CheckpointWriter::copy_bytes(const Parameters& parameters) {
  return static_cast<uint64_t>(parameters.size()) * 12;
}

Result<void> CheckpointWriter::wait() {
  if (!running_.valid()) return {};
  return running_.get();
}

Result<void> CheckpointWriter::begin(const Trainer& trainer, int64_t step, const json::object& more) {
  LEAM_TRY(wait());
  const Parameters& p = trainer.parameters();
  if (!snapshot_) snapshot_ = std::make_unique<Snapshot>();
  const auto copy = [&](std::vector<float>& to, const float* from) { to.assign(from, from + p.size()); };
  copy(snapshot_->master, p.master());
  copy(snapshot_->first, trainer.optimizer().first().data<float>());
  copy(snapshot_->second, trainer.optimizer().second().data<float>());
  snapshot_->list = p.list();
  snapshot_->config = p.config().to_json(tensor::DType::kF32);
  snapshot_->step = step;
  json::object state{{"format", 1}, {"step", step}};
  for (const auto& [key, value] : more) state[key] = value;
  snapshot_->state = pretty_json(state);
  running_ = std::async(std::launch::async, [this] {
    try {
      return write(*env_, folder_, *snapshot_);
    } catch (const BugError& e) {
      return Result<void>(Error(ErrorCode::kIo, kWhere, e.what()));
    }
  });
  return {};
}

Result<void> CheckpointWriter::write(Env& env, const std::string& folder, const Snapshot& s) {
  const std::string path = path_join(folder, fmt::format("{}{:08}", kPrefix, s.step));
  if (env.exists(path)) return {};  // of the same run: the same bytes
  const std::string tmp = path + ".tmp";
  LEAM_TRY(env.remove_tree(tmp));
  LEAM_TRY(env.make_dirs(tmp));
  std::vector<SafeTensorOut> weights, moments;
  for (const FlatParameter& p : s.list) {
    weights.push_back(entry(p, "", s.master.data()));
    moments.push_back(entry(p, "first.", s.first.data()));
    moments.push_back(entry(p, "second.", s.second.data()));
  }
  LEAM_TRY(
      artifact::write_safetensors(env, path_join(tmp, "model.safetensors"), weights, {{"format", "pt"}}));
  LEAM_TRY(artifact::write_safetensors(env, path_join(tmp, "optimizer.safetensors"), moments, {}));
  LEAM_TRY(env.write_atomic(path_join(tmp, "config.json"), s.config));
  LEAM_TRY(env.write_atomic(path_join(tmp, "state.json"), s.state));
  LEAM_TRY(env.rename(tmp, path));
  const std::vector<std::string> all = LEAM_TRY(checkpoints(env, folder));
  for (size_t i = 0; i + kKept < all.size(); ++i) LEAM_TRY(env.remove_tree(path_join(folder, all[i])));
  return {};
}

Result<std::string> newest_checkpoint(const Env& env, const std::string& folder) {
  const std::vector<std::string> all = LEAM_TRY(checkpoints(env, folder));
  return all.empty() ? std::string() : path_join(folder, all.back());
}

Result<CheckpointState> read_checkpoint(const Env& env, const std::string& checkpoint, Trainer& trainer) {
  const std::string path = path_join(checkpoint, "state.json");
  const json::value state = LEAM_TRY(parse_json(LEAM_TRY(env.read_file(path)), path));
  if (!state.is_object()) return Error(ErrorCode::kCorrupt, kWhere, path + ": not an object");
  CheckpointState out;
  out.more = state.get_object();
  const int64_t format = LEAM_TRY(json_int(out.more, "format", path));
  if (format != 1) {
    return Error(ErrorCode::kInvalid, kWhere,
                 fmt::format("{}: format {} is newer than this leam", path, format),
                 "use the leam that wrote it");
  }
  out.step = LEAM_TRY(json_int(out.more, "step", path));
  const auto weights = LEAM_TRY(artifact::SafeTensors::open(env, path_join(checkpoint, "model.safetensors")));
  const auto moments =
      LEAM_TRY(artifact::SafeTensors::open(env, path_join(checkpoint, "optimizer.safetensors")));
  const Parameters& parameters = trainer.parameters();
  for (const FlatParameter& p : parameters.list()) {
    LEAM_TRY(read_flat(weights, p, "", parameters.master()));
    LEAM_TRY(read_flat(moments, p, "first.", trainer.optimizer().first().data<float>()));
    LEAM_TRY(read_flat(moments, p, "second.", trainer.optimizer().second().data<float>()));
  }
  trainer.parameters_changed();
  return out;
}

Result<void> write_model(Env& env, const std::string& folder, const Parameters& parameters) {
  const bool bf16 = parameters.compute() == tensor::DType::kBF16;
  std::vector<SafeTensorOut> tensors;
  for (const FlatParameter& p : parameters.list()) {
    if (!bf16) {
      tensors.push_back(entry(p, "", parameters.master()));
      continue;
    }
    const tensor::BF16* data = parameters.copy() + p.begin;
    tensors.push_back({p.spec.name,
                       "BF16",
                       dims(p.spec.shape),
                       {reinterpret_cast<const char*>(data), static_cast<size_t>(p.size) * 2}});
  }
  LEAM_TRY(
      artifact::write_safetensors(env, path_join(folder, "model.safetensors"), tensors, {{"format", "pt"}}));
  return env.write_atomic(path_join(folder, "config.json"),
                          parameters.config().to_json(parameters.compute()));
}

}  // namespace leam::learn
