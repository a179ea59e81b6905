// The stage `corpus`: documents → what may be trained on, what is held out, and why the rest was dropped.
// docs/corpus.md has its keys and the reasons for the defaults.
//
//   scan     every document once: rules, hashes, MinHash signature           scan.h
//   decide   held-out split, then exact and near duplicates, then the mix    decide.h
//   leak     no training document that holds most of a held-out one          leak.h
//   write    part-*, heldout-*, drops, in an order that mixes languages      write.h
//
// The split is decided by the hash of the id before duplicates are looked for, and held-out documents win:
// a copy of a held-out page is dropped from training, never the other way round.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/artifact/documents.h"
#include "base/artifact/stage.h"
#include "base/core/config.h"
#include "base/core/context.h"
#include "pipeline/corpus/minhash.h"
#include "pipeline/corpus/mix.h"
#include "pipeline/corpus/rules.h"
#include "pipeline/corpus/split.h"

namespace leam::corpus {

struct Config {
  std::string documents = "documents", out = "corpus";
  RuleParams rules;
  SplitParams split;
  bool exact_duplicates = true;
  // Jaccard similarity of the sets of word runs from which two documents count as one; 0: do not look.
  double near_duplicates = 0.8;
  MinHashShape minhash;
  // Share of a held-out document's word runs that a training document may hold; 1: do not look.
  double heldout_overlap = 0.6;
  MixParams mix;
  double max_broken = 0.001;         // share of broken lines that still lets the stage go on
  uint64_t part_bytes = 256u << 20;  // of text in one part
  uint64_t seed = 1;
  uint64_t batch_bytes = 64u << 20;  // of text between two resume points; cannot change any byte

  static Result<Config> from(const leam::Config& file);
};

artifact::StagePlan plan(const Config& c);
Result<void> run(const Config& c, Context& ctx);

// All there is to say about one document of the input: every rule's value, and what became of it.
struct Explanation {
  artifact::Document document;
  std::vector<RuleValue> rules;
  std::string
      outcome;  // "trained on (2 copies)", "held out", "dropped: near_duplicate 0.93 …", "not decided yet"
};
Result<Explanation> explain(const Config& c, const Env& env, const std::string& id);
std::string to_text(const Explanation& e);

}  // namespace leam::corpus
