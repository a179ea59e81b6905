#include "base/artifact/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "base/core/json.h"

namespace leam::artifact {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are mapped as they lie");

constexpr std::string_view kWhere = "artifact.safetensors";
constexpr uint64_t kMaxHeader = 100'000'000;  // as the reference reader has it
constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

Error corrupt(std::string what) {
  return Error(ErrorCode::kCorrupt, kWhere, std::move(what), "fetch or write the file again");
}

Result<uint64_t> as_offset(const json::value& v, std::string_view where, std::string_view tensor,
                           std::string_view field) {
  if (v.is_int64() && v.get_int64() >= 0) return static_cast<uint64_t>(v.get_int64());
  if (v.is_uint64()) return v.get_uint64();
  return corrupt(fmt::format("{}: tensor {}: {} is not a natural number", where, tensor, field));
}

Result<SafeTensorInfo> parse_entry(std::string_view name, const json::value& value, uint64_t data_start,
                                   uint64_t file_size, std::string_view where) {
  const json::object* o = value.if_object();
  const auto bad = [&](std::string_view what) {
    return corrupt(fmt::format("{}: tensor {}: {}", where, name, what));
  };
  if (o == nullptr) return bad("entry is not an object");
  SafeTensorInfo info;
  info.name = name;
  const json::value* dtype = o->if_contains("dtype");
  if (dtype == nullptr || !dtype->is_string()) return bad("dtype is missing");
  info.dtype = std::string_view(dtype->get_string());
  const uint64_t element = safetensors_element_size(info.dtype);
  if (element == 0) return bad(fmt::format("unknown dtype {}", info.dtype));

  const json::value* shape = o->if_contains("shape");
  if (shape == nullptr || !shape->is_array()) return bad("shape is missing");
  uint64_t size = element;
  for (const json::value& dim : shape->get_array()) {
    const uint64_t d = LEAM_TRY(as_offset(dim, where, name, "shape"));
    if (d > uint64_t{INT64_MAX} || __builtin_mul_overflow(size, d, &size))
      return bad("shape overflows 64 bits");
    info.shape.push_back(static_cast<int64_t>(d));
  }
  const json::value* offsets = o->if_contains("data_offsets");
  if (offsets == nullptr || !offsets->is_array() || offsets->get_array().size() != 2)
    return bad("data_offsets is not a pair");
  const uint64_t begin = LEAM_TRY(as_offset(offsets->get_array()[0], where, name, "data_offsets[0]"));
  const uint64_t end = LEAM_TRY(as_offset(offsets->get_array()[1], where, name, "data_offsets[1]"));
  if (begin > end || end > file_size - data_start) {
    return bad(fmt::format("data_offsets [{}, {}] lie outside the data of {} bytes (file truncated?)", begin,
                           end, file_size - data_start));
  }
  if (end - begin != size) {
    return bad(fmt::format("{} bytes at offset {} do not fit its shape, which needs {}", end - begin,
                           data_start + begin, size));
  }
  info.begin = data_start + begin;
  info.end = data_start + end;
  return info;
}

}  // namespace

uint64_t safetensors_element_size(std::string_view dtype) {
  struct Type {
    std::string_view name;
    uint64_t size;
  };
  static constexpr Type kTypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
                                    {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
                                    {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  for (const Type& t : kTypes) {
    if (t.name == dtype) return t.size;
  }
  return 0;
}

Result<SafeTensorsHeader> parse_safetensors(std::string_view file, std::string_view where) {
  if (file.size() < 8)
    return corrupt(fmt::format("{}: {} bytes are too few for a header", where, file.size()));
  uint64_t n = 0;
  std::memcpy(&n, file.data(), 8);
  if (n > kMaxHeader || n > file.size() - 8) {
    return corrupt(fmt::format("{}: header of {} bytes at offset 8 does not fit the file of {} bytes", where,
                               n, file.size()));
  }
  const auto header = parse_json(file.substr(8, n), where);
  if (!header.ok()) return corrupt(fmt::format("{}: header: {}", where, header.error().what()));
  const json::object* o = header->if_object();
  if (o == nullptr) return corrupt(fmt::format("{}: header at offset 8 is not an object", where));

  SafeTensorsHeader out;
  for (const auto& [key, value] : *o) {
    if (key != "__metadata__") {
      out.tensors.push_back(LEAM_TRY(parse_entry(key, value, 8 + n, file.size(), where)));
      continue;
    }
    const json::object* metadata = value.if_object();
    if (metadata == nullptr) return corrupt(fmt::format("{}: __metadata__ is not an object", where));
    for (const auto& [k, v] : *metadata) {
      if (!v.is_string())
        return corrupt(fmt::format("{}: __metadata__ {} is not a string", where, std::string_view(k)));
      out.metadata[std::string(k)] = std::string_view(v.get_string());
    }
  }
  std::stable_sort(out.tensors.begin(), out.tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t at = 8 + n;
  for (const SafeTensorInfo& t : out.tensors) {
    if (t.begin != at) {
      return corrupt(fmt::format("{}: tensor {} at offset {}: {} at offset {}", where, t.name, t.begin,
                                 t.begin < at ? "overlaps another" : "leaves a hole", at));
    }
    at = t.end;
  }
  if (at != file.size()) {
    return corrupt(
        fmt::format("{}: {} bytes after the last tensor, at offset {}", where, file.size() - at, at));
  }
  return out;
}

Result<void> SafeTensors::add_file(const Env& env, const std::string& path) {
  std::shared_ptr<const MappedFile> map = LEAM_TRY(env.map(path));
  SafeTensorsHeader header = LEAM_TRY(parse_safetensors(map->bytes(), path));
  if (files_->empty()) metadata_ = std::move(header.metadata);
  for (SafeTensorInfo& t : header.tensors) {
    std::string name = t.name;
    const auto [it, fresh] = tensors_.emplace(std::move(name), Entry{std::move(t), files_->size()});
    if (!fresh) {
      return corrupt(fmt::format("tensor {} is in two files: {} and {}", it->first,
                                 (*files_)[it->second.file].path, path));
    }
  }
  files_->push_back({path, std::move(map)});
  return {};
}

Result<SafeTensors> SafeTensors::open(const Env& env, const std::string& path) {
  SafeTensors s;
  s.files_ = std::make_shared<std::vector<File>>();
  LEAM_TRY(s.add_file(env, path));
  return s;
}

Result<SafeTensors> SafeTensors::open_folder(const Env& env, const std::string& folder) {
  const std::string single = path_join(folder, kSingle), index = path_join(folder, kIndex);
  if (env.exists(single)) return open(env, single);
  if (!env.exists(index)) {
    return Error(ErrorCode::kNotFound, kWhere,
                 fmt::format("{} has neither {} nor {}", folder, kSingle, kIndex),
                 "name a model folder in Hugging Face's layout");
  }
  const json::value root = LEAM_TRY(parse_json(LEAM_TRY(env.read_file(index)), index));
  const json::value* map = root.is_object() ? root.get_object().if_contains("weight_map") : nullptr;
  if (map == nullptr || !map->is_object()) return corrupt(index + ": weight_map is missing");
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->get_object()) {
    const std::string name = file.is_string() ? std::string(file.get_string()) : "";
    // A file beside the index: no way out of the folder.
    if (name.empty() || name.find('/') != std::string::npos || name.front() == '.') {
      return corrupt(fmt::format("{}: weight_map: tensor {}: \"{}\" is not a file name", index,
                                 std::string_view(tensor), name));
    }
    names.insert(name);
  }
  SafeTensors s;
  s.files_ = std::make_shared<std::vector<File>>();
  for (const std::string& name : names) LEAM_TRY(s.add_file(env, path_join(folder, name)));
  for (const auto& [tensor, file] : map->get_object()) {
    const std::string path = path_join(folder, std::string_view(file.get_string()));
    if (!s.has(tensor) || s.file_of(tensor) != path) {
      return corrupt(fmt::format("{}: tensor {} is not in {}", index, std::string_view(tensor), path));
    }
  }
  return s;
}

std::vector<std::string> SafeTensors::names() const {
  std::vector<std::string> out;
  for (const auto& [name, entry] : tensors_) out.push_back(name);
  return out;
}

Result<const SafeTensorInfo*> SafeTensors::find(std::string_view name) const {
  const auto it = tensors_.find(name);
  if (it != tensors_.end()) return &it->second.info;
  return Error(ErrorCode::kCorrupt, kWhere,
               fmt::format("{}: tensor {} is missing ({} tensors, {})", files_->front().path, name,
                           tensors_.size(), tensors_.empty() ? "none" : "first " + tensors_.begin()->first),
               "is it another model class than config.json says?");
}

std::string_view SafeTensors::bytes(std::string_view name) const {
  const auto it = tensors_.find(name);
  bug_if(it == tensors_.end(), "bytes of an unknown tensor");
  const SafeTensorInfo& t = it->second.info;
  return (*files_)[it->second.file].map->bytes().substr(t.begin, t.end - t.begin);
}

std::string SafeTensors::file_of(std::string_view name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? "" : (*files_)[it->second.file].path;
}

Result<void> write_safetensors(Env& env, const std::string& path, std::span<const SafeTensorOut> tensors,
                               const std::map<std::string, std::string>& metadata) {
  json::object header;
  if (!metadata.empty()) {
    json::object m;
    for (const auto& [key, value] : metadata) m[key] = value;
    header["__metadata__"] = std::move(m);
  }
  uint64_t at = 0;
  for (const SafeTensorOut& t : tensors) {
    uint64_t size = safetensors_element_size(t.dtype);
    json::array shape;
    for (const int64_t d : t.shape) {
      size *= static_cast<uint64_t>(d);
      shape.push_back(d);
    }
    bug_if(size != t.bytes.size(), "safetensors: bytes of " + t.name + " do not fit its shape");
    bug_if(header.contains(t.name), "safetensors: two tensors named " + t.name);
    header[t.name] = json::object{{"dtype", t.dtype}, {"shape", shape}, {"data_offsets", {at, at + size}}};
    at += size;
  }
  std::string text = json::serialize(header);
  text.append((64 - (8 + text.size()) % 64) % 64, ' ');
  const uint64_t n = text.size();
  char length[8];
  std::memcpy(length, &n, 8);

  const std::string tmp = path + ".tmp";
  auto file = LEAM_TRY(env.create(tmp));
  LEAM_TRY(file->write(std::string_view(length, 8)));
  LEAM_TRY(file->write(text));
  for (const SafeTensorOut& t : tensors) LEAM_TRY(file->write(t.bytes));
  LEAM_TRY(file->sync());
  LEAM_TRY(file->close());
  return env.rename(tmp, path);
}

}  // namespace leam::artifact
