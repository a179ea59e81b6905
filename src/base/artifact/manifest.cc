#include "base/artifact/manifest.h"

#include <fmt/format.h>

namespace leam::artifact {

Result<Manifest> read_manifest(const Env& env, const std::string& folder) {
  const std::string path = path_join(folder, kManifestName);
  const std::string text = LEAM_TRY(env.read_file(path));
  const json::value value = LEAM_TRY(parse_json(text, path));
  const json::object* o = value.if_object();
  if (o == nullptr) return Error(ErrorCode::kCorrupt, "artifact.manifest", path + " is not a JSON object");
  Manifest m;
  m.kind = LEAM_TRY(json_string(*o, "kind", path));
  m.format = LEAM_TRY(json_int(*o, "format", path));
  m.made_by = LEAM_TRY(json_string(*o, "made_by", path));
  m.content = LEAM_TRY(json_string(*o, "content", path));
  for (const auto& [key, into] : {std::pair{"params", &m.params}, {"counts", &m.counts}}) {
    if (const json::value* v = o->if_contains(key); v != nullptr && v->is_object()) *into = v->get_object();
  }
  if (const json::value* v = o->if_contains("inputs"); v != nullptr && v->is_object()) {
    for (const auto& [name, hash] : v->get_object()) {
      if (!hash.is_string())
        return Error(ErrorCode::kCorrupt, "artifact.manifest", path + ": an input has no hash");
      m.inputs.emplace_back(name, hash.get_string());
    }
  }
  return m;
}

Result<void> write_manifest(Env& env, const std::string& folder, const Manifest& m) {
  json::object inputs;
  for (const auto& [name, hash] : m.inputs) inputs[name] = hash;
  const json::object o{{"kind", m.kind},   {"format", m.format}, {"made_by", m.made_by}, {"params", m.params},
                       {"inputs", inputs}, {"counts", m.counts}, {"content", m.content}};
  return env.write_atomic(path_join(folder, kManifestName), pretty_json(o));
}

Result<Hash128> content_hash(const Env& env, const std::string& path, Folder folder) {
  if (!env.is_dir(path)) {
    const auto file = LEAM_TRY(env.map(path));
    return hash128(file->bytes());
  }
  Hasher all;
  for (const DirEntry& entry : LEAM_TRY(env.list(path, true))) {
    if (folder == Folder::kArtifact && (entry.path == kManifestName || entry.path.ends_with(".tmp") ||
                                        entry.path.starts_with(std::string(kRunFolder) + "/") ||
                                        entry.path.starts_with(std::string(kWorkFolder) + "/")))
      continue;
    const auto file = LEAM_TRY(env.map(path_join(path, entry.path)));
    all.add(entry.path);
    all.add(std::string_view("\0", 1));
    all.add(hash128(file->bytes()).hex());
  }
  return all.value();
}

}  // namespace leam::artifact
