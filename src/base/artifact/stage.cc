#include "base/artifact/stage.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/core/version.h"

namespace leam::artifact {
namespace {

constexpr const char* kPlanName = "plan.json";

std::string plan_path(const StagePlan& plan) {
  return path_join(path_join(plan.out, kWorkFolder), kPlanName);
}

// An artifact folder is known by its manifest; anything else by its bytes.
Result<std::string> input_hash(const Env& env, const StageInput& input) {
  if (env.exists(path_join(input.path, kManifestName)))
    return LEAM_TRY(read_manifest(env, input.path)).content;
  if (env.exists(path_join(input.path, kWorkFolder))) {
    return Error(ErrorCode::kNotFound, "artifact.stage",
                 fmt::format("input {} is not finished: {}", input.name, input.path),
                 "run the stage that makes it to its end first");
  }
  if (!env.exists(input.path)) {
    return Error(ErrorCode::kNotFound, "artifact.stage",
                 fmt::format("input {} is missing: {}", input.name, input.path),
                 "`leam status` shows what is not there; `leam run` makes all that leam can make");
  }
  return LEAM_TRY(content_hash(env, input.path, Folder::kRaw)).hex();
}

bool lies_in(const std::string& inner, const std::string& outer) {
  const auto clean = [](const std::string& path) {
    std::error_code ignored;  // no working folder any more: then the path is compared as it is
    std::string p = std::filesystem::absolute(path, ignored).lexically_normal().string();
    if (!p.ends_with('/')) p += '/';
    return p;
  };
  return clean(inner).starts_with(clean(outer));
}

// What the manifest will say, but for counts and content.
Result<Manifest> expected(const Env& env, const StagePlan& plan) {
  Manifest m;
  m.kind = plan.kind;
  m.format = plan.format;
  m.made_by = fmt::format("leam {} {}", plan.stage, version());
  m.params = plan.params;
  for (const StageInput& input : plan.inputs) {
    for (const auto& [name, hash] : m.inputs) {
      if (name == input.name) {
        return Error(ErrorCode::kInvalid, "artifact.stage",
                     fmt::format("two inputs of {} are named {}", plan.stage, name), "give them other names");
      }
    }
    if (lies_in(plan.out, input.path)) {
      return Error(ErrorCode::kInvalid, "artifact.stage",
                   fmt::format("the output {} lies inside the input {}", plan.out, input.path),
                   "name an output folder elsewhere");
    }
    m.inputs.emplace_back(input.name, LEAM_TRY(input_hash(env, input)));
  }
  return m;
}

// A value as it comes back from a manifest: 1.0 is written as 1, and reading may cost a number its last bit.
json::value reread(const json::value& value) {
  auto read = parse_json(pretty_json(value), "parameter");
  return read.ok() ? std::move(*read) : value;
}

std::string shown(const json::value& value) {
  std::string text = pretty_json(value);
  text.pop_back();
  return text;
}

// The first thing in which two manifests differ, in words; empty when they agree.
std::string difference(const Manifest& old, const Manifest& now) {
  if (old.kind != now.kind || old.format != now.format) {
    return fmt::format("made as {} format {}, wanted {} format {}", old.kind, old.format, now.kind,
                       now.format);
  }
  for (const auto& [key, value] : now.params) {
    const json::value* before = old.params.if_contains(key);
    if (before == nullptr) return fmt::format("parameter {} is new", std::string_view(key));
    const json::value is = reread(value);
    if (json::serialize(*before) != json::serialize(is))
      return fmt::format("parameter {}: {} → {}", std::string_view(key), shown(*before), shown(is));
  }
  if (old.params.size() != now.params.size()) return "a parameter is gone";
  if (old.inputs.size() != now.inputs.size()) return "other inputs";
  for (size_t i = 0; i < now.inputs.size(); ++i) {
    if (old.inputs[i] != now.inputs[i]) return fmt::format("input {} changed", now.inputs[i].first);
  }
  return "";
}

std::string fingerprint(const Manifest& m) {
  json::object inputs;
  for (const auto& [name, hash] : m.inputs) inputs[name] = hash;
  return pretty_json(
      json::object{{"kind", m.kind}, {"format", m.format}, {"params", m.params}, {"inputs", inputs}});
}

StageStatus compare(const Env& env, const StagePlan& plan, const Manifest& now) {
  if (env.exists(path_join(plan.out, kManifestName))) {
    const auto old = read_manifest(env, plan.out);
    if (!old.ok()) return {StageState::kStale, old.error().what()};
    const std::string why = difference(*old, now);
    return {why.empty() ? StageState::kFresh : StageState::kStale, why};
  }
  const auto begun = env.read_file(plan_path(plan));
  if (!begun.ok()) return {StageState::kAbsent, ""};
  if (*begun == fingerprint(now)) return {StageState::kPartial, "begun, will go on where it stopped"};
  return {StageState::kStale, "begun with other inputs or parameters"};
}

}  // namespace

std::string_view to_string(StageState state) {
  switch (state) {
    case StageState::kAbsent:
      return "absent";
    case StageState::kPartial:
      return "partial";
    case StageState::kStale:
      return "stale";
    case StageState::kFresh:
      return "fresh";
  }
  bug("unknown stage state");
}

Result<StageStatus> stage_status(const Env& env, const StagePlan& plan) {
  auto now = expected(env, plan);
  if (!now.ok()) {
    if (now.error().code() != ErrorCode::kNotFound) return std::move(now).error();
    const bool made = env.exists(path_join(plan.out, kManifestName));
    return StageStatus{made ? StageState::kStale : StageState::kAbsent, now.error().what()};
  }
  return compare(env, plan, *now);
}

Result<StageWork> StageWork::begin(Env& env, const StagePlan& plan) {
  StageWork work(env, plan);
  work.manifest_ = LEAM_TRY(expected(env, plan));
  const StageStatus status = compare(env, plan, work.manifest_);
  if (status.state == StageState::kFresh) {
    work.fresh_ = true;
    LEAM_TRY(env.remove_tree(work.work_folder()));  // left over when a kill came right after the manifest
    return work;
  }
  if (status.state == StageState::kPartial) {
    work.resumed_ = true;
    return work;
  }
  // Only a folder that leam made is emptied: one with a manifest or with our work folder in it.
  if (env.exists(plan.out)) {
    const bool ours =
        env.exists(path_join(plan.out, kManifestName)) || env.exists(path_join(plan.out, kWorkFolder));
    const auto entries = LEAM_TRY(env.list(plan.out, false));
    if (!ours && !entries.empty()) {
      return Error(ErrorCode::kDenied, "artifact.stage",
                   fmt::format("{} holds files that leam did not make", plan.out),
                   "name another output folder, or move them away");
    }
    // A kill may come between any two of these steps. The work folder marks the files as ours to the end;
    // the old plan goes before anything it vouches for; the new plan comes last.
    LEAM_TRY(env.make_dirs(path_join(plan.out, kWorkFolder)));
    LEAM_TRY(env.remove(plan_path(plan)));
    LEAM_TRY(env.remove(path_join(plan.out, kManifestName)));
    for (const DirEntry& e : entries) {
      if (e.path != kWorkFolder) LEAM_TRY(env.remove_tree(path_join(plan.out, e.path)));
    }
    LEAM_TRY(env.remove_tree(path_join(plan.out, kWorkFolder)));
  }
  LEAM_TRY(env.make_dirs(path_join(plan.out, kWorkFolder)));
  LEAM_TRY(env.write_atomic(plan_path(plan), fingerprint(work.manifest_)));
  return work;
}

std::string StageWork::work_folder() const {
  return path_join(plan_.out, kWorkFolder);
}

Result<void> StageWork::finish(const json::object& counts) {
  for (const DirEntry& e : LEAM_TRY(env_->list(plan_.out, true))) {
    if (e.path.ends_with(".tmp") && !e.path.starts_with(std::string(kWorkFolder) + "/"))
      LEAM_TRY(env_->remove(path_join(plan_.out, e.path)));
  }
  manifest_.counts = counts;
  manifest_.content = LEAM_TRY(content_hash(*env_, plan_.out)).hex();
  LEAM_TRY(write_manifest(*env_, plan_.out, manifest_));
  return env_->remove_tree(work_folder());
}

}  // namespace leam::artifact
