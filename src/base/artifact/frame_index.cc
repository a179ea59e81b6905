#include <cstring>

#include "base/artifact/frames_internal.h"
#include "base/core/hash.h"

namespace leam::artifact {
namespace {

constexpr std::string_view kMagic("LEAMIDX\0", 8);
constexpr uint64_t kVersion = 1;
constexpr size_t kHeader = 32, kEntry = 24, kTrailer = 8;

void put(std::string& out, uint64_t v) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(v >> (8 * i) & 0xFF);
}

uint64_t get(std::string_view bytes, size_t at) {
  uint64_t v = 0;
  for (size_t i = 0; i < 8; ++i) v |= uint64_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  return v;
}

}  // namespace

std::string index_path(const std::string& part) {
  return part + ".idx";
}

std::string write_index(const FrameIndex& index) {
  std::string out(kMagic);
  put(out, kVersion);
  put(out, index.frames.size());
  put(out, index.file_size);
  for (const Frame& f : index.frames) {
    put(out, f.size);
    put(out, f.lines);
    put(out, f.bytes);
  }
  put(out, hash64(out));
  return out;
}

std::optional<FrameIndex> read_index(std::string_view bytes) {
  if (bytes.size() < kHeader + kTrailer || !bytes.starts_with(kMagic) || get(bytes, 8) != kVersion)
    return std::nullopt;
  const size_t body = bytes.size() - kTrailer;
  if (get(bytes, body) != hash64(bytes.substr(0, body))) return std::nullopt;
  if ((body - kHeader) % kEntry != 0 || get(bytes, 16) != (body - kHeader) / kEntry) return std::nullopt;
  FrameIndex index;
  index.file_size = get(bytes, 24);
  uint64_t offset = 0;
  for (size_t at = kHeader; at < body; at += kEntry) {
    const Frame f{offset, get(bytes, at), get(bytes, at + 8), get(bytes, at + 16)};
    if (f.size > index.file_size - offset) return std::nullopt;
    offset += f.size;
    index.frames.push_back(f);
  }
  if (offset != index.file_size) return std::nullopt;
  return index;
}

}  // namespace leam::artifact
