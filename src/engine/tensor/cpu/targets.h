// Which instruction sets our vector code is compiled for; to be included before highway. Between plain
// C (any machine) and AVX2 (x86 since 2013) nothing is worth its build time. Vectors whose size is not
// known to the compiler (SVE, RVV) are left out: such ARM machines run the NEON code.
#pragma once

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif
