// Which implementation of an operator runs: a table device × element type → ordered candidates, the
// reference last. The first candidate that this machine has wins; `LEAM_KERNEL=ref` in the environment,
// read once by whoever builds the Dispatch (kernel_choice), forces the reference.
//
//   Dispatch dispatch(kernel_choice(std::getenv("LEAM_KERNEL")));
//   Exec exec{pool, memory, dispatch};
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/tape.h"

namespace leam::tensor {

enum class OpId : uint8_t {
#define LEAM_OPERATOR(name, Kernels) name,
#include "engine/tensor/ops/ops.def"
#undef LEAM_OPERATOR
  kCount
};
inline constexpr size_t kOperators = static_cast<size_t>(OpId::kCount);
std::string_view to_string(OpId op);

namespace cpu {
class Products;
class RopeTables;
}  // namespace cpu

// One implementation of one operator. `kernels` points at the operator's constant table of functions.
struct Candidate {
  std::string_view name;  // "ref", "hwy", "onednn"
  Device device = Device::kCpu;
  DType dtype = DType::kF32;  // of the activations
  const void* kernels = nullptr;
  bool (*available)(const cpu::Products& products) = nullptr;  // null: on every machine
};
using Candidates = std::vector<Candidate>;

template <class Kernels>
constexpr OpId op_of();
#define LEAM_OPERATOR(name, Kernels) \
  struct Kernels;                    \
  template <>                        \
  constexpr OpId op_of<Kernels>() {  \
    return OpId::name;               \
  }
#include "engine/tensor/ops/ops.def"
#undef LEAM_OPERATOR

enum class KernelChoice : uint8_t { kFast, kReference };
// From the value of LEAM_KERNEL: absent or empty is kFast, "ref" is kReference, anything else an error.
Result<KernelChoice> kernel_choice(const char* value);

class Dispatch {
 public:
  explicit Dispatch(KernelChoice choice = KernelChoice::kFast);
  ~Dispatch();
  Dispatch(const Dispatch&) = delete;
  Dispatch& operator=(const Dispatch&) = delete;

  template <class Kernels>
  const Kernels& kernels(Device device, DType dtype) const {
    return *static_cast<const Kernels*>(chosen(device, op_of<Kernels>(), dtype).kernels);
  }
  const Candidate& chosen(Device device, OpId op, DType dtype) const;
  // All candidates of an operator that this machine has, best first; for tests and `leam doctor`.
  Candidates available(Device device, OpId op, DType dtype) const;
  // A Dispatch in which `op` runs as the candidate of that name; for tests.
  void force(OpId op, std::string_view candidate);

  // Matrix products and what they keep between calls (thread-safe).
  cpu::Products& products() const { return *products_; }
  cpu::RopeTables& rope_tables() const { return *rope_tables_; }

 private:
  using Row = std::array<Candidate, kDTypes>;
  std::unique_ptr<cpu::Products> products_;
  std::unique_ptr<cpu::RopeTables> rope_tables_;
  std::array<std::array<Row, kOperators>, kDevices> table_;
};

// The kernels for activations of this type on the memory that `exec` computes in.
template <class Kernels>
const Kernels& kernels(const Exec& exec, DType dtype) {
  return exec.dispatch.kernels<Kernels>(exec.memory.device(), dtype);
}

}  // namespace leam::tensor
