// Which instruction sets our vector code is compiled for; to be included before highway. Between plain
// C (any machine) and AVX2 (x86 since 2013) nothing is worth its build time.
#pragma once

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#endif
