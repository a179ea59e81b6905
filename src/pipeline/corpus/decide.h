// Pass 2: what becomes of every document, from the records alone. Computed again on every start: it is a
// matter of seconds and has no state of its own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/corpus/scan.h"

namespace leam::corpus {

// A document dropped because of another one.
struct Because {
  uint32_t keeper = 0;   // its record
  double value = 0;      // how similar …
  double threshold = 0;  // … and from where on it is too much
};

struct LanguageCounts {
  uint64_t documents = 0, chars = 0;
  void add(const Record& r) { ++documents, chars += r.chars; }
};

struct LanguagePlan {
  LanguageCounts in, kept, heldout, sampled;  // kept: to train on, before the mix; sampled: with copies
  double epochs = 0;
  std::map<Rule, LanguageCounts> dropped;
};

class Decision {
 public:
  // The held-out split, then duplicate ids, exact and near duplicates. Sets `dropped` in the scan's records.
  static Result<Decision> make(const Config& c, Scan& scan, Context& ctx);

  bool heldout(size_t record) const { return heldout_[record]; }
  const std::unordered_map<uint32_t, Because>& because() const { return because_; }
  void drop(Scan& scan, uint32_t record, Rule rule, Because because);

  // The mix over the languages that are left, and the tables; nothing is dropped afterwards but by the mix.
  // An error when there is nothing to train on.
  Result<void> mix(const Config& c, Scan& scan);
  uint32_t copies(const Record& r) const;
  double draw(const Record& r) const;      // what decided over the fraction of an epoch
  double fraction(const Record& r) const;  // … and against what
  const std::map<std::string, LanguagePlan>& languages() const { return languages_; }
  uint64_t sampled_bytes() const { return sampled_bytes_; }  // of lines, with copies
  uint64_t heldout_bytes() const { return heldout_bytes_; }

  json::object counts() const;             // for the manifest
  std::vector<std::string> table() const;  // for people

 private:
  void drop_same_ids(Scan& scan);
  void split(const Config& c, const Scan& scan);
  void drop_exact(const Config& c, Scan& scan);
  Result<void> drop_near(const Config& c, Scan& scan, Context& ctx);

  uint64_t seed_ = 0;
  std::vector<bool> heldout_;
  std::unordered_map<uint32_t, Because> because_;
  std::map<std::string, LanguagePlan> languages_;
  uint64_t sampled_bytes_ = 0, heldout_bytes_ = 0;
};

// "de", or "und" for a document of unknown language.
std::string language_name(const Record& r);

}  // namespace leam::corpus
