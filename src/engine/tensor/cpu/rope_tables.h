// Cosines and sines of rotary embeddings, worked out once and shared by all calls.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace leam::tensor::cpu {

// cos and sin of position · theta^(-2i/D), each (positions, D/2) row-major. The frequency and the angle
// are rounded to f32, as Hugging Face's Llama does: at long positions results depend on it.
struct RopeTable {
  int64_t positions = 0, half = 0;
  std::vector<float> cos, sin;
};
RopeTable rope_table(float theta, int64_t head_dim, int64_t positions);

class RopeTables {
 public:
  // A table of at least `positions` rows. Thread-safe; earlier tables stay valid while held.
  std::shared_ptr<const RopeTable> get(float theta, int64_t head_dim, int64_t positions);

 private:
  std::mutex mutex_;
  std::map<std::pair<float, int64_t>, std::shared_ptr<const RopeTable>> tables_;
};

}  // namespace leam::tensor::cpu
