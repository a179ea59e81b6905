// What `leam doctor` says about the engine: which kernels run here, and how fast this machine is.
#pragma once

#include "base/core/json.h"
#include "engine/tensor/tape.h"

namespace leam::tensor {

// {
//   "library": "oneDNN 2.6.3", "vector_target": "AVX3", "bf16_products": true, "threads": 2,
//   "operators": [{"operator": "linear", "dtype": "bf16", "kernel": "onednn", "instructions": "…"}, …],
//   "products": [{"dtype": "bf16", "shape": "4096x1024x384", "gflops": 2950.1, "plain_gflops": 2400.0}, …],
//   "memory_gb_per_s": 18.3
// }
// `gflops` is what our tiles reach on x (4096, 384) · wᵀ (384, 1024), packing included; `plain_gflops`
// what the library alone reaches with as many threads; bandwidth is that of reading and writing a large
// array. Takes about two seconds.
json::object doctor(const Exec& exec);

}  // namespace leam::tensor
