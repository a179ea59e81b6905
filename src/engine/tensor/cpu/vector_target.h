// The instruction set that our vector code runs with on this machine.
#pragma once

#include <string>

namespace leam::tensor::cpu {

std::string vector_target();  // as Highway names it: "AVX3" (AVX-512), "AVX2", "NEON", "SCALAR"

}  // namespace leam::tensor::cpu
