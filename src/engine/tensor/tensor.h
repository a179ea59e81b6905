// Arrays: shape, element type and a shared, 64-byte aligned block of memory. Row-major and dense.
// Dimensions are named as the field does: B batch, T time, C channels, H heads, D head width, V vocabulary,
// N = B·T rows.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/core/result.h"

namespace leam::tensor {

enum class DType : uint8_t { kF32, kBF16, kI32 };
inline constexpr int kDTypes = 3;
// Where a block of memory lies and the operators on it run.
enum class Device : uint8_t { kCpu };
inline constexpr int kDevices = 1;
size_t size_of(DType type);
std::string_view to_string(DType type);

// bfloat16: the upper half of a float. Conversion rounds to nearest, ties to even; NaN stays NaN.
struct BF16 {
  uint16_t bits = 0;
};
inline BF16 to_bf16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((u >> 16) | 0x40u)};
  return {static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}
inline float to_float(BF16 x) {
  return std::bit_cast<float>(uint32_t{x.bits} << 16);
}
// The same for code that is written once for both activation types.
inline float to_float(float x) {
  return x;
}
template <class T>
T from_float(float x) {
  if constexpr (std::is_same_v<T, BF16>) {
    return to_bf16(x);
  } else {
    return x;
  }
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::kF32;
  if constexpr (std::is_same_v<T, BF16>) return DType::kBF16;
  if constexpr (std::is_same_v<T, int32_t>) return DType::kI32;
}

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  int rank() const { return rank_; }
  int64_t operator[](int i) const { return dims_[i]; }
  int64_t numel() const;
  bool operator==(const Shape&) const = default;
  std::string str() const;  // "(4096, 384)"

 private:
  static constexpr int kMaxRank = 4;
  int64_t dims_[kMaxRank] = {1, 1, 1, 1};
  int rank_ = 0;
};

// Where arrays live. Freed blocks are kept and given out again by size, so that a training step after
// the first one asks the system for nothing. Counts what is in use, at present and at the peak.
// Thread-safe.
class Memory {
 public:
  Memory();
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  Device device() const { return Device::kCpu; }
  // 64-byte aligned, 2 MiB aligned from 2 MiB on; uninitialised. Throws std::bad_alloc.
  std::shared_ptr<std::byte[]> allocate(size_t bytes);
  // Gives kept free blocks back to the system.
  void trim();
  size_t bytes_in_use() const;
  size_t peak_bytes() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // outlives this object while blocks are out
};

class Tensor {
 public:
  Tensor() = default;                                             // empty: no storage
  static Tensor empty(Memory& memory, Shape shape, DType dtype);  // uninitialised
  static Tensor zeros(Memory& memory, Shape shape, DType dtype);
  static Tensor of(Memory& memory, Shape shape, std::span<const float> values);
  static Tensor of(Memory& memory, Shape shape, std::span<const int32_t> values);
  // Read-only weights in memory somebody else keeps alive (`owner`), e.g. a mapped safetensors file.
  static Tensor view(Shape shape, DType dtype, const void* data, std::shared_ptr<const void> owner);

  bool defined() const { return data_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  int64_t numel() const { return shape_.numel(); }
  size_t bytes() const { return static_cast<size_t>(numel()) * size_of(dtype_); }

  template <class T>
  T* data() const {
    bug_if(dtype_ != dtype_of<T>(), "tensor read as another element type");
    return static_cast<T*>(data_);
  }
  void* raw() const { return data_; }
  // True when nobody else holds this storage (nor a part of it).
  bool sole_owner() const { return owner_.use_count() == 1; }

  // Something an operator prepared from these values for itself (linear.h), kept as long as this tensor
  // and its copies; cuts and conversions do not have it.
  const std::shared_ptr<const void>& prepared() const { return prepared_; }
  Tensor with_prepared(std::shared_ptr<const void> prepared) const {
    Tensor t = *this;
    t.prepared_ = std::move(prepared);
    return t;
  }

  Tensor reshaped(Shape shape) const;             // same storage, same numel
  Tensor rows(int64_t begin, int64_t end) const;  // same storage, dim 0 cut
  Tensor to(Memory& memory, DType dtype) const;   // a converted copy (or a plain copy)

 private:
  std::shared_ptr<void> owner_;
  std::shared_ptr<const void> prepared_;
  void* data_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::kF32;
};

}  // namespace leam::tensor
