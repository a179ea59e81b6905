#include "pipeline/tokens/bpe_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <set>
#include <string_view>
#include <unordered_map>

#include "base/core/json.h"
#include "base/text/tokenizer/byte_level.h"
#include "base/text/utf8.h"

namespace leam::tokens {
namespace {

// Every pair that ever occurred side by side, with its count and the words it was seen in.
class PairTable {
 public:
  struct Pair {
    uint32_t left = 0, right = 0;
    int64_t count = 0;
    std::vector<uint32_t> words;  // may hold words that lost the pair since
  };

  // The pair's number; it is made when it is not there.
  uint32_t at(uint32_t left, uint32_t right) {
    if (2 * (pairs_.size() + 1) > slots_.size()) grow();
    size_t i = slot(left, right);
    for (; slots_[i] != kFree; i = (i + 1) & (slots_.size() - 1)) {
      const Pair& p = pairs_[slots_[i]];
      if (p.left == left && p.right == right) return slots_[i];
    }
    slots_[i] = static_cast<uint32_t>(pairs_.size());
    pairs_.push_back({left, right, 0, {}});
    return slots_[i];
  }
  Pair& operator[](size_t number) { return pairs_[number]; }
  size_t size() const { return pairs_.size(); }

 private:
  static constexpr uint32_t kFree = 0xffffffff;
  size_t slot(uint32_t left, uint32_t right) const {
    const uint64_t key = (static_cast<uint64_t>(left) << 32 | right) * 0x9e3779b97f4a7c15ull;
    return (key >> 20) & (slots_.size() - 1);
  }
  void grow() {
    slots_.assign(std::max<size_t>(1 << 16, 2 * slots_.size()), kFree);
    for (size_t p = 0; p < pairs_.size(); ++p) {
      size_t i = slot(pairs_[p].left, pairs_[p].right);
      while (slots_[i] != kFree) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = static_cast<uint32_t>(p);
    }
  }
  std::vector<Pair> pairs_;
  std::vector<uint32_t> slots_;
};

struct Candidate {
  int64_t count;
  uint32_t left, right, pair;
  bool operator<(const Candidate& other) const {
    if (count != other.count) return count < other.count;
    if (left != other.left) return left > other.left;
    return right > other.right;
  }
};

class Trainer {
 public:
  Trainer(const WordCounts& counts, const BpeOptions& options) : options_(options) {
    alphabet();
    words(counts);
  }

  Result<BpeVocabulary> train(size_t limit, Reporter& reporter, const StopFlag& stop) {
    uint32_t step = 0;
    while (out_.tokens.size() < limit && !heap_.empty()) {
      const Candidate top = heap_.top();
      heap_.pop();
      const int64_t count = pairs_[top.pair].count;
      if (count != top.count) {
        if (count > 0) heap_.push({count, top.left, top.right, top.pair});
        continue;
      }
      if (count < 1 || static_cast<uint64_t>(count) < options_.min_frequency) break;
      merge(top, ++step);
      if (step % 256 == 0) {
        reporter.progress({"merging pairs", static_cast<double>(out_.tokens.size()),
                           static_cast<double>(limit), "tokens", "", -1});
        LEAM_TRY(stop.check("tokens.train", "the vocabulary is learned again on the next run"));
      }
    }
    return std::move(out_);
  }

 private:
  // A word lies in symbols_ from unit * kUnit on: its count (two entries), its size, its symbols. One place
  // in memory for all of it: visiting words in the order of a pair's list is what training waits for.
  static constexpr size_t kUnit = 4, kHead = 3;
  struct Word {
    uint32_t* head;
    uint32_t* symbols() const { return head + kHead; }
    uint32_t& size() const { return head[2]; }
    int64_t count() const { return static_cast<int64_t>(static_cast<uint64_t>(head[1]) << 32 | head[0]); }
  };
  Word word(uint32_t unit) { return {symbols_.data() + unit * kUnit}; }

  // What one merge changes about the pairs with one neighbour on one side.
  struct Side {
    int64_t count = 0;  // occurrences of the neighbour
    uint32_t pair = 0;  // of the neighbour and the new token
    uint32_t step = 0;  // which merge this is about
  };

  void alphabet() {
    for (const std::string& token : options_.special) {
      out_.special.push_back(static_cast<uint32_t>(out_.tokens.size()));
      out_.tokens.push_back(token);
    }
    std::vector<std::pair<char32_t, uint8_t>> bytes;
    for (unsigned b = 0; b < 256; ++b)
      bytes.emplace_back(text::byte_level_char(static_cast<uint8_t>(b)), static_cast<uint8_t>(b));
    std::sort(bytes.begin(), bytes.end());
    for (const auto& [character, byte] : bytes) {
      byte_ids_[byte] = static_cast<uint32_t>(out_.tokens.size());
      std::string token;
      text::append_utf8(token, character);
      out_.tokens.push_back(token);
    }
    for (uint32_t id = 0; id < out_.tokens.size(); ++id) ids_.emplace(out_.tokens[id], id);
  }

  void words(const WordCounts& counts) {
    std::vector<uint32_t> units;
    counts.each([&](std::string_view word, uint64_t count) {
      if (word.size() < 2) return;  // nothing to merge
      units.push_back(static_cast<uint32_t>(symbols_.size() / kUnit));
      symbols_.push_back(static_cast<uint32_t>(count));
      symbols_.push_back(static_cast<uint32_t>(count >> 32));
      symbols_.push_back(static_cast<uint32_t>(word.size()));
      for (const char c : word) symbols_.push_back(byte_ids_[static_cast<uint8_t>(c)]);
      while (symbols_.size() % kUnit != 0) symbols_.push_back(0);
      bug_if(symbols_.size() / kUnit > UINT32_MAX, "more words than this trainer can number");
    });
    for (const uint32_t unit : units) {
      const Word w = word(unit);
      for (uint32_t i = 0; i + 1 < w.size(); ++i) {
        PairTable::Pair& p = pairs_[pairs_.at(w.symbols()[i], w.symbols()[i + 1])];
        p.count += w.count();
        if (p.words.empty() || p.words.back() != unit) p.words.push_back(unit);
      }
    }
    for (uint32_t i = 0; i < pairs_.size(); ++i) push(i);
  }

  void push(uint32_t pair) {
    const PairTable::Pair& p = pairs_[pair];
    if (p.count > 0) heap_.push({p.count, p.left, p.right, pair});
  }

  void merge(const Candidate& top, uint32_t step) {
    const std::string joined = out_.tokens[top.left] + out_.tokens[top.right];
    const auto [known, fresh] = ids_.emplace(joined, static_cast<uint32_t>(out_.tokens.size()));
    const uint32_t id = known->second;
    if (fresh) out_.tokens.push_back(joined);
    out_.merges.push_back({top.left, top.right});
    before_.resize(out_.tokens.size());
    behind_.resize(out_.tokens.size());
    touched_before_.clear();
    touched_behind_.clear();
    const std::vector<uint32_t> units = std::move(pairs_[top.pair].words);
    for (size_t i = 0; i < units.size(); ++i) {
      if (i + kAhead < units.size()) __builtin_prefetch(symbols_.data() + units[i + kAhead] * kUnit);
      merge_in_word(units[i], top.left, top.right, id, step);
    }
    for (const uint32_t t : touched_before_) {
      pairs_[pairs_.at(t, top.left)].count -= before_[t].count;
      pairs_[before_[t].pair].count += before_[t].count;
    }
    for (const uint32_t t : touched_behind_) {
      pairs_[pairs_.at(top.right, t)].count -= behind_[t].count;
      pairs_[behind_[t].pair].count += behind_[t].count;
    }
    pairs_[top.pair].count = 0;
    pairs_[top.pair].words = {};
    // The pair of the new token with itself may be in both lists; twice in the heap does no harm.
    for (const uint32_t t : touched_before_) push(before_[t].pair);
    for (const uint32_t t : touched_behind_) push(behind_[t].pair);
  }

  void merge_in_word(uint32_t unit, uint32_t left, uint32_t right, uint32_t id, uint32_t step) {
    const Word w = word(unit);
    uint32_t* s = w.symbols();
    const int64_t count = w.count();
    const uint32_t n = w.size();
    uint32_t to = 0;
    for (uint32_t i = 0; i < n; ++to) {
      if (s[i] != left || i + 1 == n || s[i + 1] != right) {
        s[to] = s[i++];
        continue;
      }
      if (to > 0) {
        const uint32_t t = s[to - 1];
        Side& side = before_[t];
        if (side.step != step) {
          side = {0, pairs_.at(t, id), step};
          touched_before_.push_back(t);
        }
        see(side, count, unit);
      }
      if (i + 2 < n) {
        const uint32_t t = s[i + 2];
        Side& side = behind_[t];
        if (side.step != step) {
          side = {0, pairs_.at(id, t), step};
          touched_behind_.push_back(t);
        }
        see(side, count, unit);
      }
      s[to] = id;
      i += 2;
    }
    w.size() = to;
  }

  void see(Side& side, int64_t count, uint32_t unit) {
    side.count += count;
    std::vector<uint32_t>& words = pairs_[side.pair].words;
    if (words.empty() || words.back() != unit) words.push_back(unit);
  }

  static constexpr size_t kAhead = 8;
  const BpeOptions& options_;
  BpeVocabulary out_;
  std::array<uint32_t, 256> byte_ids_{};
  std::unordered_map<std::string, uint32_t> ids_;
  std::vector<uint32_t> symbols_;
  PairTable pairs_;
  std::priority_queue<Candidate> heap_;
  std::vector<Side> before_, behind_;  // by neighbour
  std::vector<uint32_t> touched_before_, touched_behind_;
};

std::string quoted(std::string_view s) {
  return json::serialize(json::value(s));
}

}  // namespace

Result<BpeVocabulary> train_bpe(const WordCounts& counts, const BpeOptions& options, Reporter& reporter,
                                const StopFlag& stop) {
  std::set<std::string_view> names;
  for (const std::string& token : options.special) {
    if (token.empty() || token.starts_with("<|reserved_") || !names.insert(token).second) {
      return Error(ErrorCode::kInvalid, "tokens.train",
                   fmt::format("special token \"{}\" is empty, named twice or a reserved one", token));
    }
  }
  const size_t room = options.special.size() + 256 + options.reserved;
  const size_t vocab = (options.vocab + options.round_to - 1) / options.round_to * options.round_to;
  if (vocab < room) {
    return Error(
        ErrorCode::kInvalid, "tokens.train",
        fmt::format("a vocabulary of {} has no room for {} special and reserved tokens and 256 bytes",
                    options.vocab, options.special.size() + options.reserved));
  }
  BpeVocabulary out = LEAM_TRY(Trainer(counts, options).train(vocab - options.reserved, reporter, stop));
  size_t size = out.tokens.size() + options.reserved;
  size = (size + options.round_to - 1) / options.round_to * options.round_to;
  for (size_t i = 0; out.tokens.size() < size; ++i) {
    out.special.push_back(static_cast<uint32_t>(out.tokens.size()));
    out.tokens.push_back(fmt::format("<|reserved_{}|>", i));
  }
  return out;
}

namespace {

// A text begins with the end-of-text token, as every document a model is trained on does: so a prompt given
// to the model by any library that reads this file starts where a document starts.
std::string post_processor(const BpeVocabulary& vocabulary) {
  constexpr std::string_view kBytes =
      R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false})";
  if (vocabulary.special.empty()) return std::string(kBytes);
  const uint32_t id = vocabulary.special.front();
  const std::string token = quoted(vocabulary.tokens[id]);
  const auto begin = [&](int type) {
    return fmt::format(R"({{"SpecialToken": {{"id": {}, "type_id": {}}}}})", token, type);
  };
  const auto text = [](char name, int type) {
    return fmt::format(R"({{"Sequence": {{"id": "{}", "type_id": {}}}}})", name, type);
  };
  return fmt::format(
      "{{\"type\": \"Sequence\", \"processors\": [\n    {},\n    {{\"type\": \"TemplateProcessing\",\n"
      "     \"single\": [{}, {}],\n     \"pair\": [{}, {}, {}, {}],\n"
      "     \"special_tokens\": {{{}: {{\"id\": {}, \"ids\": [{}], \"tokens\": [{}]}}}}}}\n  ]}}",
      kBytes, begin(0), text('A', 0), begin(0), text('A', 0), begin(1), text('B', 1), token, token, id,
      token);
}

}  // namespace

std::string tokenizer_json(const BpeVocabulary& vocabulary, text::Pattern pattern, bool nfc) {
  std::string s =
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [";
  std::string_view comma = "\n";
  for (const uint32_t id : vocabulary.special) {
    s += fmt::format(
        "{}    {{\"id\": {}, \"content\": {}, \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
        "\"normalized\": false, \"special\": true}}",
        comma, id, quoted(vocabulary.tokens[id]));
    comma = ",\n";
  }
  s += fmt::format("\n  ],\n  \"normalizer\": {},\n", nfc ? R"({"type": "NFC"})" : "null");
  constexpr std::string_view kByteLevel =
      R"({{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": {}}})";
  if (pattern == text::Pattern::kGpt2) {
    s += fmt::format("  \"pre_tokenizer\": {},\n", fmt::format(kByteLevel, true));
  } else {
    s += fmt::format(
        "  \"pre_tokenizer\": {{\"type\": \"Sequence\", \"pretokenizers\": [\n"
        "    {{\"type\": \"Split\", \"pattern\": {{\"Regex\": {}}}, \"behavior\": \"Isolated\", \"invert\": "
        "false}},\n"
        "    {}\n  ]}},\n",
        quoted(text::pattern_regex(pattern)), fmt::format(kByteLevel, false));
  }
  s += fmt::format("  \"post_processor\": {},", post_processor(vocabulary));
  s += "\n  \"decoder\": " + fmt::format(kByteLevel, false);
  s += ",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n";
  s += "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": "
       "false,\n";
  s += "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {";
  comma = "\n";
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    s += fmt::format("{}      {}: {}", comma, quoted(vocabulary.tokens[id]), id);
    comma = ",\n";
  }
  s += "\n    },\n    \"merges\": [";
  comma = "\n";
  for (const BpeVocabulary::Merge& m : vocabulary.merges) {
    s += fmt::format("{}      [{}, {}]", comma, quoted(vocabulary.tokens[m.left]),
                     quoted(vocabulary.tokens[m.right]));
    comma = ",\n";
  }
  s += "\n    ]\n  }\n}\n";
  return s;
}

}  // namespace leam::tokens
