#include "pipeline/tokens/word_counts.h"

#include <algorithm>

#include "base/core/hash.h"
#include "base/text/utf8.h"

namespace leam::tokens {
namespace {
constexpr uint32_t kFree = 0xffffffff;
}  // namespace

void WordTable::add(std::string_view word, uint64_t hash, uint64_t count) {
  if (2 * (entries_.size() + 1) > slots_.size()) {
    slots_.assign(std::max<size_t>(1024, 2 * slots_.size()), kFree);
    for (size_t e = 0; e < entries_.size(); ++e) {
      size_t i = entries_[e].hash & (slots_.size() - 1);
      while (slots_[i] != kFree) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = static_cast<uint32_t>(e);
    }
  }
  size_t i = hash & (slots_.size() - 1);
  for (; slots_[i] != kFree; i = (i + 1) & (slots_.size() - 1)) {
    Entry& e = entries_[slots_[i]];
    if (e.hash == hash && this->word(e) == word) {
      e.count += count;
      return;
    }
  }
  slots_[i] = static_cast<uint32_t>(entries_.size());
  entries_.push_back({hash, count, block_.size(), static_cast<uint32_t>(word.size())});
  block_ += word;
}

void WordCounts::count(text::Pattern pattern, std::string_view text, WordTable& table) {
  text::for_each_word(pattern, text, [&table](const char* begin, const char* end) {
    std::string_view word(begin, static_cast<size_t>(end - begin));
    while (word.size() > kMaxWord) {
      const std::string_view piece = text::utf8_prefix(word, kMaxWord);
      table.add(piece, hash64(piece), 1);
      word.remove_prefix(piece.size());
    }
    table.add(word, hash64(word), 1);
  });
}

void WordCounts::add(const WordTable& table) {
  // The upper bits choose the part, the lower ones the place in its table.
  const auto part_of = [](const WordTable::Entry& e) { return static_cast<size_t>(e.hash >> 58); };
  std::array<std::vector<uint32_t>, kParts> members;
  for (size_t i = 0; i < table.entries().size(); ++i)
    members[part_of(table.entries()[i])].push_back(static_cast<uint32_t>(i));
  for (size_t p = 0; p < kParts; ++p) {
    Part& part = (*parts_)[p];
    const std::lock_guard lock(part.mutex);
    for (const uint32_t i : members[p]) {
      const WordTable::Entry& e = table.entries()[i];
      part.table.add(table.word(e), e.hash, e.count);
    }
  }
}

uint64_t WordCounts::words() const {
  uint64_t n = 0;
  for (const Part& part : *parts_) n += part.table.entries().size();
  return n;
}

}  // namespace leam::tokens
