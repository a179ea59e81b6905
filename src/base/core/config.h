// leam.toml. A stage asks a section for what it knows, one getter a key, and then calls finish(): the
// first wrong type or range, and any key nobody asked for, comes back as one error that names the file,
// the line and, for an unknown key, the nearest known one.
//
//   Section s = config.section("crawl");
//   c.inputs = s.strings("inputs", {});
//   c.min_chars = s.integer("min_chars", 200, 0, 1'000'000);
//   LEAM_TRY(s.finish());
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/env.h"
#include "base/core/result.h"

namespace leam {

class Section;

class Config {
 public:
  static Result<Config> load(const Env& env, const std::string& path);
  static Result<Config> parse(std::string_view text, const std::string& path);
  Config();  // empty: every default

  // The same with single keys replaced, as from `--set train.steps=100`. A value is read as TOML if it is
  // TOML, and as text otherwise.
  Result<Config> with(const std::vector<std::string>& assignments) const;

  // A table of the file by its dotted name; an absent one gives every default.
  Section section(std::string_view name) const;
  // An error for a top-level table or key that is not in `known`.
  Result<void> check_sections(const std::vector<std::string>& known) const;

  // The folder leam.toml lies in: relative paths in it start there.
  const std::string& folder() const { return folder_; }
  const std::string& path() const { return path_; }

 private:
  friend class Section;
  struct Tree;
  std::shared_ptr<const Tree> tree_;
  std::string path_, folder_;
};

class Section {
 public:
  bool present() const;
  bool has(std::string_view key) const;
  std::string string(std::string_view key, std::string_view fallback);
  // One of `allowed`; the error lists them.
  std::string choice(std::string_view key, std::string_view fallback,
                     const std::vector<std::string>& allowed);
  int64_t integer(std::string_view key, int64_t fallback, int64_t min, int64_t max);
  double number(std::string_view key, double fallback, double min, double max);
  bool flag(std::string_view key, bool fallback);
  std::vector<std::string> strings(std::string_view key, const std::vector<std::string>& fallback);
  // "90s", "3min", "1.5h", or a plain number of seconds.
  double seconds(std::string_view key, double fallback, double min, double max);
  // A path, made absolute or relative to the working folder: relative ones start at leam.toml's folder.
  std::string path(std::string_view key, std::string_view fallback);
  std::vector<std::string> paths(std::string_view key, const std::vector<std::string>& fallback);
  // A sub-table that is read as a section of its own ("corpus.rules") is no unknown key here.
  void subsection(std::string_view key) { known_.emplace_back(key); }
  // Says that the table `key` in this one is read as a section of its own.
  void table(std::string_view key);
  // Every key of the section in file order, for sections whose keys are the user's (marks all as known).
  std::vector<std::string> keys();

  Result<void> finish();

 private:
  friend class Config;
  Section(const Config& config, std::string name);
  void fail(std::string_view key, std::string what, std::string hint = "");
  std::string resolve(std::string value) const;
  std::shared_ptr<const Config::Tree> tree_;
  std::string name_, path_, folder_;
  std::vector<std::string> known_;
  std::vector<Error> errors_;
};

// "3min" → 180. Units s, min, h, d; a bare number is seconds.
Result<double> parse_duration(std::string_view text);

// The word of `known` nearest to `word` by edit distance, if it is near enough to be what was meant.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace leam
