#include "pipeline/crawl/html/tags.h"

#include <cstring>

namespace leam::crawl::html {
namespace {

constexpr std::string_view kNames[] = {
    "",
#define LEAM_TAG(id, name) name,
#include "pipeline/crawl/html/tags.def"
#undef LEAM_TAG
};
constexpr size_t kNamed = sizeof(kNames) / sizeof(kNames[0]);
constexpr size_t kMaxName = 10;  // blockquote, figcaption

// The first eight bytes, the last ones of a longer name folded in, and the length: distinct for all names.
constexpr uint64_t key_of(const char* name, size_t n) {
  uint64_t low = 0, high = 0;
  for (size_t i = 0; i < n && i < 8; ++i) low |= uint64_t{static_cast<uint8_t>(name[i])} << (8 * i);
  for (size_t i = 8; i < n; ++i) high |= uint64_t{static_cast<uint8_t>(name[i])} << (8 * (i - 8));
  return low ^ (high * 0x9E3779B97F4A7C15ull) ^ (uint64_t{n} << 60);
}

constexpr size_t kSlots = 1024;
constexpr size_t slot_of(uint64_t key) {
  return static_cast<size_t>((key * 0xD6E8FEB86659FD93ull) >> 54);
}

struct Table {
  uint64_t keys[kSlots] = {};
  uint8_t tags[kSlots] = {};
};

constexpr Table make_table() {
  Table t;
  for (size_t i = 1; i < kNamed; ++i) {
    const uint64_t key = key_of(kNames[i].data(), kNames[i].size());
    size_t s = slot_of(key);
    while (t.tags[s] != 0) s = (s + 1) % kSlots;
    t.keys[s] = key;
    t.tags[s] = static_cast<uint8_t>(i);
  }
  return t;
}

constexpr Table kTable = make_table();

}  // namespace

Tag tag_of(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return Tag::kUnknown;
  const uint64_t key = key_of(name.data(), name.size());
  for (size_t s = slot_of(key); kTable.tags[s] != 0; s = (s + 1) % kSlots) {
    if (kTable.keys[s] == key && kNames[kTable.tags[s]] == name) return static_cast<Tag>(kTable.tags[s]);
  }
  return Tag::kUnknown;
}

std::string_view name_of(Tag tag) {
  const auto i = static_cast<size_t>(tag);
  return i < kNamed ? kNames[i] : std::string_view();
}

}  // namespace leam::crawl::html
