// Every artifact folder ends with a manifest.json: what made it, from what, with which parameters. It
// is written last, so a folder with a manifest is complete and one without is work in progress.
//
// A manifest holds no time and no machine: the same inputs, parameters and seed give the same bytes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/core/env.h"
#include "base/core/hash.h"
#include "base/core/json.h"

namespace leam::artifact {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr const char* kRunFolder = "run";  // measurements of the run (record.json, metrics.jsonl, …)
inline constexpr const char* kWorkFolder = ".work";  // a stage's unfinished state, inside the folder

struct Manifest {
  std::string kind;     // "documents", "corpus", "shards", "model", "report"
  int64_t format = 1;   // version of that kind's layout, see docs/formats/
  std::string made_by;  // "leam crawl 0.1.0"
  json::object params;  // everything that can change the bytes
  std::vector<std::pair<std::string, std::string>> inputs;  // name → content hash (hex), in plan order
  json::object counts;                                      // documents, bytes, tokens, …
  std::string content;  // hash over all files of the folder but this one (hex)
};

Result<Manifest> read_manifest(const Env& env, const std::string& folder);
Result<void> write_manifest(Env& env, const std::string& folder, const Manifest& manifest);

// Hash over (relative path, bytes) of every file below `path` in path order; of the file itself when it is
// one. In an artifact folder manifest.json, .work/, run/ (measurements) and *.tmp do not count.
enum class Folder { kArtifact, kRaw };
Result<Hash128> content_hash(const Env& env, const std::string& path, Folder folder = Folder::kArtifact);

}  // namespace leam::artifact
