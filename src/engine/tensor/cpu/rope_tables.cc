#include "engine/tensor/cpu/rope_tables.h"

#include <algorithm>
#include <cmath>

namespace leam::tensor::cpu {

RopeTable rope_table(float theta, int64_t head_dim, int64_t positions) {
  RopeTable t;
  t.positions = positions;
  t.half = head_dim / 2;
  t.cos.reserve(static_cast<size_t>(positions * t.half));
  t.sin.reserve(static_cast<size_t>(positions * t.half));
  std::vector<float> frequency;
  for (int64_t i = 0; i < t.half; ++i)
    frequency.push_back(1.0f / std::pow(theta, static_cast<float>(2 * i) / static_cast<float>(head_dim)));
  for (int64_t p = 0; p < positions; ++p)
    for (float f : frequency) {
      const auto angle = static_cast<double>(static_cast<float>(p) * f);
      t.cos.push_back(static_cast<float>(std::cos(angle)));
      t.sin.push_back(static_cast<float>(std::sin(angle)));
    }
  return t;
}

std::shared_ptr<const RopeTable> RopeTables::get(float theta, int64_t head_dim, int64_t positions) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const RopeTable>& slot = tables_[{theta, head_dim}];
  // Doubling: decoding asks for one position more each time.
  if (slot == nullptr || slot->positions < positions)
    slot = std::make_shared<const RopeTable>(
        rope_table(theta, head_dim, std::max<int64_t>({positions, slot ? 2 * slot->positions : 0, 256})));
  return slot;
}

}  // namespace leam::tensor::cpu
