#include "engine/tensor/tensor.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace leam::tensor {
namespace {

constexpr size_t kAlign = 64;
constexpr size_t kHuge = size_t{2} << 20;

size_t round_up(size_t n, size_t to) {
  return (n + to - 1) / to * to;
}

// Sizes come in classes of at most 1/8 waste, so that a freed block serves requests that differ a little.
size_t size_class(size_t bytes) {
  const size_t n = std::max(bytes, kAlign);
  const size_t step = std::max(kAlign, std::bit_floor(n) / 8);
  return round_up(n, step);
}

}  // namespace

size_t size_of(DType type) {
  return type == DType::kBF16 ? 2 : 4;
}

std::string_view to_string(DType type) {
  switch (type) {
    case DType::kF32:
      return "f32";
    case DType::kBF16:
      return "bf16";
    case DType::kI32:
      return "i32";
  }
  bug("unknown element type");
}

Shape::Shape(std::initializer_list<int64_t> dims) : rank_(static_cast<int>(dims.size())) {
  bug_if(rank_ > kMaxRank, "a shape of more than four dimensions");
  int i = 0;
  for (int64_t d : dims) {
    bug_if(d < 0, "a negative dimension");
    dims_[i++] = d;
  }
}

int64_t Shape::numel() const {
  int64_t n = 1;
  for (int i = 0; i < rank_; ++i)
    bug_if(__builtin_mul_overflow(n, dims_[i], &n), "a shape of more than 2^63 elements");
  return n;
}

std::string Shape::str() const {
  std::string s = "(";
  for (int i = 0; i < rank_; ++i) s += fmt::format("{}{}", i ? ", " : "", dims_[i]);
  return s + ")";
}

struct Memory::State {
  std::mutex mutex;
  std::multimap<size_t, std::byte*> free_blocks;
  size_t in_use = 0, peak = 0;

  ~State() { release_all(); }
  void release_all() {
    for (const auto& [size, block] : free_blocks) std::free(block);
    free_blocks.clear();
  }
};

Memory::Memory() : state_(std::make_shared<State>()) {}
Memory::~Memory() = default;

std::shared_ptr<std::byte[]> Memory::allocate(size_t bytes) {
  const size_t size = size_class(bytes);
  std::byte* block = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->free_blocks.find(size);
    if (it != state_->free_blocks.end()) {
      block = it->second;
      state_->free_blocks.erase(it);
    }
    state_->in_use += size;
    state_->peak = std::max(state_->peak, state_->in_use);
  }
  if (block == nullptr) {
    const size_t align = size >= kHuge ? kHuge : kAlign;
    const size_t rounded = round_up(size, align);
    block = static_cast<std::byte*>(std::aligned_alloc(align, rounded));
    if (block == nullptr) {
      const std::lock_guard lock(state_->mutex);
      state_->in_use -= size;
      throw std::bad_alloc();
    }
    // Only a hint: fewer page faults and TLB misses where the kernel has huge pages.
    if (size >= kHuge) ::madvise(block, rounded, MADV_HUGEPAGE);
  }
  const auto give_back = [state = state_, size](std::byte* b) {
    const std::lock_guard lock(state->mutex);
    state->in_use -= size;
    state->free_blocks.emplace(size, b);
  };
  return {block, give_back};
}

void Memory::trim() {
  const std::lock_guard lock(state_->mutex);
  state_->release_all();
}

size_t Memory::bytes_in_use() const {
  const std::lock_guard lock(state_->mutex);
  return state_->in_use;
}

size_t Memory::peak_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->peak;
}

Tensor Tensor::empty(Memory& memory, Shape shape, DType dtype) {
  Tensor t;
  const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(dtype);
  auto block = memory.allocate(bytes);
  t.data_ = block.get();
  t.owner_ = std::move(block);
  t.shape_ = shape;
  t.dtype_ = dtype;
  return t;
}

Tensor Tensor::zeros(Memory& memory, Shape shape, DType dtype) {
  Tensor t = empty(memory, shape, dtype);
  std::memset(t.data_, 0, t.bytes());
  return t;
}

Tensor Tensor::of(Memory& memory, Shape shape, std::span<const float> values) {
  Tensor t = empty(memory, shape, DType::kF32);
  bug_if(static_cast<int64_t>(values.size()) != t.numel(), "values do not fill the shape " + shape.str());
  std::copy(values.begin(), values.end(), t.data<float>());
  return t;
}

Tensor Tensor::of(Memory& memory, Shape shape, std::span<const int32_t> values) {
  Tensor t = empty(memory, shape, DType::kI32);
  bug_if(static_cast<int64_t>(values.size()) != t.numel(), "values do not fill the shape " + shape.str());
  std::copy(values.begin(), values.end(), t.data<int32_t>());
  return t;
}

Tensor Tensor::view(Shape shape, DType dtype, const void* data, std::shared_ptr<const void> owner) {
  Tensor t;
  t.owner_ = std::const_pointer_cast<void>(std::move(owner));
  t.data_ = const_cast<void*>(data);
  t.shape_ = shape;
  t.dtype_ = dtype;
  return t;
}

Tensor Tensor::reshaped(Shape shape) const {
  bug_if(shape.numel() != numel(), "reshape of " + shape_.str() + " to " + shape.str());
  Tensor t = *this;
  t.shape_ = shape;
  t.prepared_ = nullptr;
  return t;
}

Tensor Tensor::rows(int64_t begin, int64_t end) const {
  bug_if(shape_.rank() == 0 || begin < 0 || begin > end || end > shape_[0],
         fmt::format("rows {} to {} of {}", begin, end, shape_.str()));
  const int64_t row = shape_[0] == 0 ? 0 : numel() / shape_[0];
  Tensor t = *this;
  t.prepared_ = nullptr;
  t.data_ = static_cast<std::byte*>(data_) + static_cast<size_t>(begin * row) * size_of(dtype_);
  switch (shape_.rank()) {
    case 1:
      t.shape_ = {end - begin};
      break;
    case 2:
      t.shape_ = {end - begin, shape_[1]};
      break;
    case 3:
      t.shape_ = {end - begin, shape_[1], shape_[2]};
      break;
    default:
      t.shape_ = {end - begin, shape_[1], shape_[2], shape_[3]};
  }
  return t;
}

Tensor Tensor::to(Memory& memory, DType dtype) const {
  bug_if((dtype == DType::kI32) != (dtype_ == DType::kI32), "conversion between integers and floats");
  Tensor t = empty(memory, shape_, dtype);
  const int64_t n = numel();
  if (dtype == dtype_) {
    if (n > 0) std::memcpy(t.data_, data_, bytes());
  } else if (dtype == DType::kBF16) {
    for (int64_t i = 0; i < n; ++i) t.data<BF16>()[i] = to_bf16(data<float>()[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) t.data<float>()[i] = to_float(data<BF16>()[i]);
  }
  return t;
}

}  // namespace leam::tensor
