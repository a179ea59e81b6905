#include "engine/tensor/cpu/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/cpu/vector_target.cc"
#include "engine/tensor/cpu/targets.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace leam::tensor::cpu::HWY_NAMESPACE {

const char* name_of_target() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace leam::tensor::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace leam::tensor::cpu {

HWY_EXPORT(name_of_target);

std::string vector_target() {
  return HWY_DYNAMIC_DISPATCH(name_of_target)();
}

}  // namespace leam::tensor::cpu
#endif
