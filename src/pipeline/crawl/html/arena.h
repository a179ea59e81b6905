// Memory that is freed all at once: nodes, attributes and decoded text of one page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace leam::crawl::html {

class Arena {
 public:
  Arena() = default;
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  // Uninitialised, aligned for T; lives until reset() or destruction. T's destructor never runs.
  template <class T>
  T* make(size_t n = 1) {
    static_assert(alignof(T) <= 16);
    return reinterpret_cast<T*>(take(n * sizeof(T), alignof(T)));
  }

  std::string_view copy(std::string_view s) {
    char* to = take(s.size(), 1);
    if (!s.empty()) std::memcpy(to, s.data(), s.size());
    return {to, s.size()};
  }

  // Keeps the first block, so that page after page costs no allocation.
  void reset() {
    if (blocks_.size() > 1) blocks_.resize(1);
    block_ = 0;
    at_ = blocks_.empty() ? nullptr : blocks_[0].bytes.get();
    end_ = blocks_.empty() ? nullptr : at_ + blocks_[0].size;
    used_ = 0;
  }

  size_t used() const { return used_; }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size;
  };

  char* take(size_t n, size_t align) {
    const auto misfit = reinterpret_cast<uintptr_t>(at_) & (align - 1);
    const size_t pad = misfit == 0 ? 0 : align - misfit;
    if (n + pad > static_cast<size_t>(end_ - at_)) {
      const size_t size = n > kBlock / 4 ? n + 16 : kBlock;
      blocks_.push_back({std::unique_ptr<char[]>(new char[size]), size});
      at_ = blocks_.back().bytes.get();  // aligned by new
      end_ = at_ + size;
      used_ += n;
      char* out = at_;
      at_ += n;
      return out;
    }
    char* out = at_ + pad;
    at_ = out + n;
    used_ += n;
    return out;
  }

  static constexpr size_t kBlock = 256 * 1024;
  std::vector<Block> blocks_;
  size_t block_ = 0;
  char* at_ = nullptr;
  char* end_ = nullptr;
  size_t used_ = 0;
};

}  // namespace leam::crawl::html
