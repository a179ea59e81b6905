// MinHash with locality-sensitive banding (Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of Massive
// Datasets", ch. 3): two documents whose sets of shingles have Jaccard similarity J agree in each of the
// signature's places with probability J, and share at least one of B bands of R rows with probability
// 1 - (1 - J^R)^B. The default, 14 bands of 8 rows over runs of five words, is that of FineWeb: 0.924 at
// J = 0.8, 0.9997 at 0.9, 0.056 at 0.5.
//
// Candidates are then compared by their whole signatures, whose share of equal places estimates J with a
// standard deviation of sqrt(J (1 - J) / 112), below 0.04 at 0.8.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace leam::corpus {

struct MinHashShape {
  size_t shingle = 5;  // words
  size_t bands = 14, rows = 8;
  size_t places() const { return bands * rows; }
};

// places() permutations of 32-bit values; the same for every run.
class MinHash {
 public:
  explicit MinHash(MinHashShape shape);
  const MinHashShape& shape() const { return shape_; }
  // `signature` has shape().places() entries; of no shingles it is all ones. Repetitions and order do not
  // matter.
  void sign(std::span<const uint64_t> shingles, std::span<uint32_t> signature) const;
  // Hash of one band's rows; equal bands have equal keys.
  uint64_t band_key(std::span<const uint32_t> signature, size_t band) const;

 private:
  MinHashShape shape_;
  std::vector<uint32_t> flip_, factor_;  // padded to whole vectors
};

// Share of equal places: the estimate of J.
double similarity(std::span<const uint32_t> a, std::span<const uint32_t> b);

// Instruction set the signatures are computed with on this machine ("AVX3", "AVX2", …).
std::string minhash_target();

}  // namespace leam::corpus
