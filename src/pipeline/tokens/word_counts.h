// How often each word of a corpus occurs: what BPE is learned from. Filled by many threads; the counts do
// not depend on their number or order.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/text/tokenizer/pretokenize.h"

namespace leam::tokens {

// Words and counts of one thread's piece of the corpus.
class WordTable {
 public:
  struct Entry {
    uint64_t hash = 0, count = 0;
    uint64_t begin = 0;  // in the text block
    uint32_t size = 0;
  };
  void add(std::string_view word, uint64_t hash, uint64_t count);
  const std::vector<Entry>& entries() const { return entries_; }
  std::string_view word(const Entry& e) const { return std::string_view(block_).substr(e.begin, e.size); }

 private:
  std::string block_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;
};

class WordCounts {
 public:
  // Longer words are counted in pieces: no token grows out of them, and merging them would take long.
  static constexpr size_t kMaxWord = 256;

  // Counts the words of valid UTF-8 texts into `table`.
  static void count(text::Pattern pattern, std::string_view text, WordTable& table);
  // Adds a table. Thread-safe.
  void add(const WordTable& table);

  uint64_t words() const;  // different ones
  // f(word, count), in no order that means anything.
  template <class F>
  void each(F&& f) const {
    for (const Part& part : *parts_) {
      for (const WordTable::Entry& e : part.table.entries()) f(part.table.word(e), e.count);
    }
  }

 private:
  static constexpr size_t kParts = 64;
  struct Part {
    std::mutex mutex;
    WordTable table;
  };
  std::unique_ptr<std::array<Part, kParts>> parts_ = std::make_unique<std::array<Part, kParts>>();
};

}  // namespace leam::tokens
