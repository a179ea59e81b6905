#include "base/text/tokenizer/pretokenize.h"

#include "base/core/result.h"

namespace leam::text {
namespace {

struct Known {
  Pattern pattern;
  std::string_view name, regex;
};

#define LEAM_CASED_WORD(contraction)                                                            \
  R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)" contraction \
  R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)" contraction

// The first of a pattern is the one we write; the others cut the same way.
constexpr Known kKnown[] = {
    {Pattern::kGpt2, "gpt2", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {Pattern::kGpt2, "gpt2", R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {Pattern::kLlama3, "llama3",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {Pattern::kQwen2, "qwen2",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {Pattern::kGpt4o, "gpt4o",
     LEAM_CASED_WORD(
         "(?i:'s|'t|'re|'ve|'m|'ll|'d)?") R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {Pattern::kTekken, "tekken",
     LEAM_CASED_WORD("") R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
};
#undef LEAM_CASED_WORD

const Known& known(Pattern pattern) {
  for (const Known& k : kKnown) {
    if (k.pattern == pattern) return k;
  }
  bug("unknown pattern");
}

}  // namespace

std::string_view pattern_regex(Pattern pattern) {
  return known(pattern).regex;
}

std::string_view pattern_name(Pattern pattern) {
  return known(pattern).name;
}

std::optional<Pattern> pattern_of_regex(std::string_view regex) {
  for (const Known& k : kKnown) {
    if (k.regex == regex) return k.pattern;
  }
  return std::nullopt;
}

std::optional<Pattern> pattern_of_name(std::string_view name) {
  for (const Known& k : kKnown) {
    if (k.name == name) return k.pattern;
  }
  return std::nullopt;
}

const std::vector<std::string>& pattern_names() {
  static const std::vector<std::string> names{"gpt2", "llama3", "qwen2", "gpt4o", "tekken"};
  return names;
}

}  // namespace leam::text
