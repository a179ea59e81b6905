// What this machine is, for run records, `leam doctor` and the choice of a model size.
#pragma once

#include <cstdint>
#include <string>

#include "base/core/json.h"

namespace leam {

struct Machine {
  std::string cpu;            // "Intel(R) Xeon(R) Processor"
  int cpus = 1;               // processors this process may use
  uint64_t memory_bytes = 0;  // physical, or the cgroup's limit if that is lower
  std::string isa;            // "avx2 avx512 avx512-bf16 amx-bf16", what matters to the engine
  bool avx512_bf16 = false, amx_bf16 = false;
};

// Reads /proc and asks the processor. Never fails; what cannot be read stays empty.
Machine this_machine();

json::object to_json(const Machine& m);

// Bytes of memory this process has at its peak so far (VmHWM).
uint64_t peak_memory_bytes();

}  // namespace leam
