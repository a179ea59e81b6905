// Hugging Face's safetensors: a JSON header with every tensor's type, shape and byte range, then the bytes,
// little-endian and row-major. One file, or several with model.safetensors.index.json.
//
//   u64 n | n bytes of JSON {"name": {"dtype": "BF16", "shape": [4096, 384], "data_offsets": [b, e]}, …} |
//   data
//
// Nothing of a file is believed before it is checked: all arithmetic is overflow-safe, ranges lie inside the
// file, do not overlap and leave no holes. An error names the file, the tensor and the offset.
// Byte-level page: docs/formats/model.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/env.h"
#include "base/core/result.h"

namespace leam::artifact {

// Bytes an element of a safetensors type ("F32", "BF16", "I64", …); 0 for a type we do not know.
uint64_t safetensors_element_size(std::string_view dtype);

struct SafeTensorInfo {
  std::string name;
  std::string dtype;  // as in the file: F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL F8_E4M3 F8_E5M2
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // in the file, from its first byte
};

struct SafeTensorsHeader {
  std::vector<SafeTensorInfo> tensors;          // by offset
  std::map<std::string, std::string> metadata;  // "__metadata__"
};

// The header of a whole file given as bytes. `where` names it in errors.
Result<SafeTensorsHeader> parse_safetensors(std::string_view file, std::string_view where);

// A model's tensors, memory-mapped.
class SafeTensors {
 public:
  // One file.
  static Result<SafeTensors> open(const Env& env, const std::string& path);
  // A model folder: model.safetensors, or all files that model.safetensors.index.json names.
  static Result<SafeTensors> open_folder(const Env& env, const std::string& folder);

  // Every tensor's name, in byte order.
  std::vector<std::string> names() const;
  bool has(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  // An error names the tensor and what the file holds instead.
  Result<const SafeTensorInfo*> find(std::string_view name) const;
  // Valid as long as an owner() is held. The address may be odd: check before reading wider elements.
  std::string_view bytes(std::string_view name) const;
  std::shared_ptr<const void> owner() const { return files_; }
  // Of the first file.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // The file a tensor lies in, for errors.
  std::string file_of(std::string_view name) const;

 private:
  struct File {
    std::string path;
    std::shared_ptr<const MappedFile> map;
  };
  struct Entry {
    SafeTensorInfo info;
    size_t file = 0;
  };
  Result<void> add_file(const Env& env, const std::string& path);
  std::shared_ptr<std::vector<File>> files_;
  std::map<std::string, Entry, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
};

struct SafeTensorOut {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string_view bytes;
};

// Writes one file atomically, tensors in the given order, data at a multiple of 64 bytes. The bytes are a
// pure function of the arguments.
Result<void> write_safetensors(Env& env, const std::string& path, std::span<const SafeTensorOut> tensors,
                               const std::map<std::string, std::string>& metadata);

}  // namespace leam::artifact
