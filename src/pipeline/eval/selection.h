// What is evaluated and what the dictionaries are trained on: bounded samples of a corpus that depend on
// its documents alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/artifact/documents.h"
#include "base/core/stop.h"

namespace leam::eval {

// The held-out documents of one language that are looked at, in the order of their ids' hashes.
struct Sample {
  std::string lang;
  std::vector<artifact::Document> documents;
  uint64_t bytes = 0;              // UTF-8, of their texts
  uint64_t heldout_documents = 0;  // in the corpus, these among them
  uint64_t heldout_bytes = 0;
};

// For each language the documents with the smallest hashes until `max_bytes` are reached, the document that
// reaches them included. Languages in the order of their codes; documents without text are left out. Memory
// is the sample.
Result<std::vector<Sample>> select_heldout(const Env& env, const std::string& corpus, uint64_t max_bytes,
                                           const StopFlag& stop);

// Training texts of the named languages, about `bytes_each` a language: frames of the part files are read in
// the order of a hash of their place until each language has enough or no frame is left.
Result<std::map<std::string, std::vector<std::string>>> training_texts(const Env& env,
                                                                       const std::string& corpus,
                                                                       const std::vector<std::string>& langs,
                                                                       uint64_t bytes_each,
                                                                       const StopFlag& stop);

}  // namespace leam::eval
