#include <fmt/format.h>

#include "base/artifact/manifest.h"
#include "pipeline/corpus/corpus.h"

namespace leam::corpus {
namespace {

// Stops a walk early.
constexpr const char* kFound = "found";
Error found() {
  return Error(ErrorCode::kInterrupted, kFound, kFound);
}
Result<bool> was_found(Result<void> walk) {
  if (walk.ok()) return false;
  if (walk.error().where() == kFound) return true;
  return std::move(walk).error();
}

Result<std::string> outcome(const Config& c, const Env& env, const std::string& id) {
  if (!env.exists(path_join(c.out, artifact::kManifestName)))
    return std::string("not decided yet: run leam corpus");
  std::string text;
  LEAM_TRY(artifact::for_each_drop(env, c.out, [&](artifact::Drop&& d) -> Result<void> {
    if (d.id != id) return {};
    text += fmt::format("{}dropped: {} {:.4g} against {:.4g}{}", text.empty() ? "" : "; ", d.rule, d.value,
                        d.threshold, d.detail.empty() ? "" : ", " + d.detail);
    return {};
  }));
  const bool heldout = LEAM_TRY(was_found(
      artifact::for_each_document(env, c.out, "heldout-", [&](artifact::Document&& d) -> Result<void> {
        if (d.id == id) return found();
        return {};
      })));
  size_t copies = 0;
  LEAM_TRY(artifact::for_each_document(env, c.out, [&](artifact::Document&& d) -> Result<void> {
    copies += d.id == id;
    return {};
  }));
  if (heldout) text = "held out" + (text.empty() ? "" : "; another of the same id: " + text);
  if (copies > 0) {
    text = fmt::format("trained on{}{}", copies > 1 ? fmt::format(" ({} copies)", copies) : "",
                       text.empty() ? "" : "; another of the same id: " + text);
  }
  return text.empty() ? "not in this corpus: made from other documents" : text;
}

}  // namespace

Result<Explanation> explain(const Config& c, const Env& env, const std::string& id) {
  Explanation e;
  const bool there = LEAM_TRY(
      was_found(artifact::for_each_document(env, c.documents, [&](artifact::Document&& d) -> Result<void> {
        if (d.id != id) return {};
        e.document = std::move(d);
        return found();
      })));
  if (!there) {
    return Error(ErrorCode::kNotFound, "corpus.explain", fmt::format("no document {} in {}", id, c.documents),
                 "ids are the first member of a line in drops.jsonl.zst or part-*.jsonl.zst");
  }
  const CharTable table;
  TextAnalyser analyser(table);
  e.rules = evaluate(c.rules, e.document, analyser.analyse(e.document.text));
  e.outcome = LEAM_TRY(outcome(c, env, id));
  return e;
}

std::string to_text(const Explanation& e) {
  std::string out = fmt::format("{}  {}  {}\n", e.document.id, e.document.lang, place_of(e.document));
  if (!e.document.title.empty()) out += e.document.title + "\n";
  for (const RuleValue& v : e.rules) {
    out +=
        fmt::format("  {:<4} {:<15} {:>12.4g}  threshold {:.4g}{}\n", v.passes ? "ok" : "DROP",
                    rule_name(v.rule), v.value, v.threshold, v.detail.empty() ? "" : "  (" + v.detail + ")");
  }
  return out + "  → " + e.outcome + "\n";
}

}  // namespace leam::corpus
