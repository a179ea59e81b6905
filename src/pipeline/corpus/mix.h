// How often each language is seen. A mix is a number of epochs a language: 1.5 means every document once
// and half of them, chosen by hash, a second time; 0.4 that four in ten are kept.
//
//   none         every document once.
//   temperature  p_l ∝ n_l^α (Conneau et al. 2020, XLM-R, and many since): α 1 is as it comes, 0 all equal.
//   unimax       equal shares, but no language more often than max_epochs, what is left over to the others
//                (Chung et al. 2023, "UniMax: Fairer and more effective language sampling").
//
// `budget` is the number of characters to sample, repetitions counted. 0 with temperature: as many as it
// takes to see the largest language once, so that nothing is thrown away. 0 with unimax: what there is.
// No language is seen more than max_epochs times, because up to about four epochs are nearly as good as
// new text (Muennighoff et al. 2023, "Scaling data-constrained language models").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/core/config.h"
#include "base/core/hash.h"
#include "base/core/json.h"

namespace leam::corpus {

struct MixParams {
  enum class Kind { kNone, kTemperature, kUnimax };
  Kind kind = Kind::kTemperature;
  double alpha = 0.7;
  double max_epochs = 4;
  uint64_t budget = 0;  // characters

  static MixParams from(Section& corpus);
  json::object to_json() const;
};

// Epochs of each language from the characters there are of it. A language of 0 characters gets 0.
std::vector<double> mix_epochs(const MixParams& p, const std::vector<uint64_t>& chars);

// UniMax as published: the budget of each language in the order given.
std::vector<double> unimax(const std::vector<uint64_t>& chars, double budget, double max_epochs);

// How often this document is written for a language seen `epochs` times. `draw` in [0, 1) decides over the
// fraction: the same document always gets the same.
struct Copies {
  uint32_t count = 0;
  double draw = 0;
};
Copies copies_of(Hash128 id, double epochs, uint64_t seed);

}  // namespace leam::corpus
