// placeholder until below
#pragma once
namespace leam::tensor::cpu {
class Products {};
}  // namespace leam::tensor::cpu
