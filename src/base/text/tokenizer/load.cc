// Reading tokenizer.json. Whatever this leam cannot do exactly as the original is an error that names it.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "base/core/json.h"
#include "base/text/tokenizer/byte_level.h"
#include "base/text/tokenizer/data_internal.h"
#include "base/text/unicode.h"

namespace leam::text::detail {
namespace {

namespace dom = simdjson::dom;

// Ids above this are taken for damage: the tables are as long as the highest id.
constexpr uint64_t kMaxId = (1u << 24) - 1;

class Loader {
 public:
  Loader(const std::string& where, TokenizerData& data) : where_(where), data_(data) {}
  Result<void> load(std::string_view text);

 private:
  Error bad(std::string_view field, const std::string& what) const {
    return Error(ErrorCode::kCorrupt, "text.tokenizer", fmt::format("{}: {}: {}", where_, field, what));
  }
  Error unsupported(std::string_view field, const std::string& value) const {
    return Error(ErrorCode::kUnavailable, "text.tokenizer",
                 fmt::format("{}: {}: {} is not supported", where_, field, value),
                 "leam reads byte-level BPE: see docs/formats/tokenizer.md");
  }

  // Not there, or null.
  static bool absent(dom::object o, std::string_view key) {
    dom::element e;
    return o[key].get(e) != simdjson::SUCCESS || e.is_null();
  }
  Result<dom::object> object(dom::element e, std::string_view field) const {
    dom::object o;
    if (e.get(o) != simdjson::SUCCESS) return bad(field, "is not an object");
    return o;
  }
  Result<dom::object> object_at(dom::object o, std::string_view key, std::string_view field) const {
    if (absent(o, key)) return bad(field, "is missing");
    dom::object found;
    if (o[key].get(found) != simdjson::SUCCESS) return bad(field, "is not an object");
    return found;
  }
  Result<dom::array> array_at(dom::object o, std::string_view key, std::string_view field) const {
    dom::array a;
    if (o[key].get(a) != simdjson::SUCCESS) return bad(fmt::format("{}.{}", field, key), "is not an array");
    return a;
  }
  Result<std::string_view> string_at(dom::object o, std::string_view key, std::string_view field) const {
    std::string_view s;
    if (o[key].get(s) != simdjson::SUCCESS) return bad(fmt::format("{}.{}", field, key), "is not a string");
    return s;
  }
  Result<bool> flag_at(dom::object o, std::string_view key, std::string_view field, bool fallback) const {
    if (absent(o, key)) return fallback;
    bool b = false;
    if (o[key].get(b) != simdjson::SUCCESS)
      return bad(fmt::format("{}.{}", field, key), "is neither true nor false");
    return b;
  }
  Result<uint32_t> id(simdjson::simdjson_result<dom::element> e, const std::string& field) const {
    uint64_t v = 0;
    if (e.get(v) != simdjson::SUCCESS || v > kMaxId) return bad(field, "is not a token id");
    return static_cast<uint32_t>(v);
  }

  Result<void> model(dom::object top);
  Result<void> vocabulary(dom::object model);
  Result<void> merges(dom::object model);
  Result<std::pair<std::string_view, std::string_view>> merge(dom::element e, size_t index) const;
  Result<void> unknown_token(dom::object model);
  Result<void> added_tokens(dom::object top);
  Result<void> normalizer(dom::object top);
  Result<void> normalizer_step(dom::object o, const std::string& field);
  Result<void> pre_tokenizer(dom::object top);
  Result<void> pre_tokenizer_step(dom::object o, const std::string& field);
  Result<void> split(dom::object o, const std::string& field);
  Result<void> post_processor(dom::object top);
  Result<void> post_processor_step(dom::object o, const std::string& field);
  Result<void> template_processing(dom::object o, const std::string& field);
  Result<void> decoder(dom::object top);
  // f(step, its field) for the object itself, or for each of a Sequence's members.
  template <class F>
  Result<void> each_step(dom::object o, std::string_view list, const std::string& field, F&& f,
                         int depth = 0);

  const std::string& where_;
  TokenizerData& data_;
  bool byte_level_ = false;
};

Result<void> Loader::load(std::string_view text) {
  dom::parser parser;
  dom::element root;
  if (const auto error = parser.parse(text.data(), text.size()).get(root); error != simdjson::SUCCESS) {
    // The other parser knows the offset.
    const auto value = parse_json(text, where_);
    if (!value.ok()) return Error(value.error());
    return bad("file", simdjson::error_message(error));
  }
  const dom::object top = LEAM_TRY(object(root, "file"));
  static const std::vector<std::string_view> known{"version",        "truncation", "padding",
                                                   "added_tokens",   "normalizer", "pre_tokenizer",
                                                   "post_processor", "decoder",    "model"};
  for (const auto& field : top) {
    if (std::find(known.begin(), known.end(), field.key) == known.end())
      return unsupported(field.key, "this field");
  }
  for (const std::string_view key : {"truncation", "padding"}) {
    if (!absent(top, key)) return unsupported(key, "anything but null");
  }
  LEAM_TRY(model(top));
  LEAM_TRY(normalizer(top));
  LEAM_TRY(added_tokens(top));
  LEAM_TRY(pre_tokenizer(top));
  LEAM_TRY(post_processor(top));
  LEAM_TRY(decoder(top));
  data_.content = hash128(text);
  return {};
}

Result<void> Loader::model(dom::object top) {
  const dom::object m = LEAM_TRY(object_at(top, "model", "model"));
  if (!absent(m, "type")) {
    const std::string_view type = LEAM_TRY(string_at(m, "type", "model"));
    if (type != "BPE") return unsupported("model.type", std::string(type));
  }
  if (!absent(m, "dropout")) {
    double p = 0;
    if (m["dropout"].get(p) != simdjson::SUCCESS) return bad("model.dropout", "is not a number");
    if (p != 0) return unsupported("model.dropout", fmt::format("{}", p));
  }
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (absent(m, key)) continue;
    const std::string_view s = LEAM_TRY(string_at(m, key, "model"));
    if (!s.empty()) return unsupported(fmt::format("model.{}", key), std::string(s));
  }
  if (LEAM_TRY(flag_at(m, "byte_fallback", "model", false)))
    return unsupported("model.byte_fallback", "true");
  data_.bpe.fuse_unk = LEAM_TRY(flag_at(m, "fuse_unk", "model", false));
  data_.bpe.ignore_merges = LEAM_TRY(flag_at(m, "ignore_merges", "model", false));
  LEAM_TRY(vocabulary(m));
  LEAM_TRY(merges(m));
  return unknown_token(m);
}

Result<void> Loader::vocabulary(dom::object m) {
  const dom::object vocab = LEAM_TRY(object_at(m, "vocab", "model.vocab"));
  size_t count = 0, bytes = 0;
  for (const auto& entry : vocab) {
    ++count;
    bytes += entry.key.size();
  }
  data_.tokens.reserve(count, bytes);
  data_.bytes.reserve(count, bytes);
  for (const auto& entry : vocab) {
    uint64_t v = 0;
    if (entry.value.get(v) != simdjson::SUCCESS || v > kMaxId)
      return bad(fmt::format("model.vocab[\"{}\"]", entry.key), "is not a token id");
    const uint32_t token = static_cast<uint32_t>(v);
    if (!data_.tokens.add(token, entry.key)) {
      return bad(fmt::format("model.vocab[\"{}\"]", entry.key),
                 fmt::format("the token or its id {} is there twice", token));
    }
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char raw = static_cast<char>(byte);
    data_.bpe.byte_ids[byte] = data_.tokens.find(to_byte_level({&raw, 1}));
  }
  return {};
}

Result<std::pair<std::string_view, std::string_view>> Loader::merge(dom::element e, size_t index) const {
  const auto field = [index] { return fmt::format("model.merges[{}]", index); };
  if (std::string_view s; e.get(s) == simdjson::SUCCESS) {
    const size_t space = s.find(' ');
    if (space == std::string_view::npos || s.find(' ', space + 1) != std::string_view::npos)
      return bad(field(), "is not two tokens with one space between");
    return std::pair{s.substr(0, space), s.substr(space + 1)};
  }
  dom::array pair;
  std::string_view left, right;
  if (e.get(pair) != simdjson::SUCCESS || pair.size() != 2 || pair.at(0).get(left) != simdjson::SUCCESS ||
      pair.at(1).get(right) != simdjson::SUCCESS)
    return bad(field(), "is not a pair of tokens");
  return std::pair{left, right};
}

Result<void> Loader::merges(dom::object m) {
  const dom::array list = LEAM_TRY(array_at(m, "merges", "model"));
  size_t count = 0;
  for ([[maybe_unused]] const dom::element e : list) ++count;
  data_.bpe.merges = MergeTable(count);
  std::string joined;
  uint32_t rank = 0;
  for (const dom::element e : list) {
    const auto [left, right] = LEAM_TRY(merge(e, rank));
    joined.assign(left).append(right);
    const uint32_t a = data_.tokens.find(left), b = data_.tokens.find(right), c = data_.tokens.find(joined);
    if (a == kNone || b == kNone || c == kNone) {
      return bad(fmt::format("model.merges[{}]", rank),
                 fmt::format("\"{}\" is not in the vocabulary", a == kNone   ? left
                                                                : b == kNone ? right
                                                                             : joined));
    }
    data_.bpe.merges.set(a, b, rank++, c);
  }
  return {};
}

Result<void> Loader::unknown_token(dom::object m) {
  if (absent(m, "unk_token")) return {};
  const std::string_view unk = LEAM_TRY(string_at(m, "unk_token", "model"));
  if (unk.empty()) return {};
  data_.bpe.unk = data_.tokens.find(unk);
  // Where every byte has a token, nothing is unknown and it does not matter.
  const auto& ids = data_.bpe.byte_ids;
  if (data_.bpe.unk == kNone && std::find(ids.begin(), ids.end(), kNone) != ids.end())
    return bad("model.unk_token", fmt::format("\"{}\" is not in the vocabulary", unk));
  return {};
}

Result<void> Loader::added_tokens(dom::object top) {
  if (!absent(top, "added_tokens")) {
    size_t index = 0;
    for (const dom::element e : LEAM_TRY(array_at(top, "added_tokens", "file"))) {
      const std::string field = fmt::format("added_tokens[{}]", index++);
      const dom::object o = LEAM_TRY(object(e, field));
      AddedToken t;
      t.id = LEAM_TRY(id(o["id"], field + ".id"));
      t.content = LEAM_TRY(string_at(o, "content", field));
      t.special = LEAM_TRY(flag_at(o, "special", field, false));
      t.single_word = LEAM_TRY(flag_at(o, "single_word", field, false));
      t.lstrip = LEAM_TRY(flag_at(o, "lstrip", field, false));
      t.rstrip = LEAM_TRY(flag_at(o, "rstrip", field, false));
      t.normalized = LEAM_TRY(flag_at(o, "normalized", field, !t.special));
      if (data_.tokens.find(t.content) != t.id && !data_.tokens.add(t.id, t.content)) {
        return bad(field, fmt::format("\"{}\" with id {} contradicts the vocabulary or an earlier token",
                                      t.content, t.id));
      }
      data_.added.push_back(std::move(t));
    }
  }
  data_.special.resize(data_.tokens.texts().size());
  for (const AddedToken& t : data_.added) {
    if (t.special) data_.special[t.id] = true;
    if (t.normalized) {
      data_.in_normalized.add(t, data_.nfc ? nfc(t.content) : t.content);
    } else {
      data_.in_text.add(t, t.content);
    }
  }
  const TokenTexts& texts = data_.tokens.texts();
  for (uint32_t i = 0; i < texts.size(); ++i) {
    if (!texts.has(i)) continue;
    const auto raw = from_byte_level(texts[i]);
    data_.bytes.set(i, raw ? std::string_view(*raw) : texts[i]);
  }
  return {};
}

template <class F>
Result<void> Loader::each_step(dom::object o, std::string_view list, const std::string& field, F&& f,
                               int depth) {
  const std::string_view type = LEAM_TRY(string_at(o, "type", field));
  if (type != "Sequence") return f(o, type, field);
  if (depth > 8) return bad(field, "sequences are nested too deep");
  size_t index = 0;
  for (const dom::element e : LEAM_TRY(array_at(o, list, field))) {
    const std::string part = fmt::format("{}.{}[{}]", field, list, index++);
    LEAM_TRY(each_step(LEAM_TRY(object(e, part)), list, part, f, depth + 1));
  }
  return {};
}

Result<void> Loader::normalizer(dom::object top) {
  if (absent(top, "normalizer")) return {};
  const dom::object o = LEAM_TRY(object_at(top, "normalizer", "normalizer"));
  return each_step(o, "normalizers", "normalizer",
                   [&](dom::object, std::string_view type, const std::string& field) -> Result<void> {
                     if (type != "NFC") return unsupported(field, std::string(type));
                     data_.nfc = true;
                     return {};
                   });
}

Result<void> Loader::split(dom::object o, const std::string& field) {
  const dom::object pattern = LEAM_TRY(object_at(o, "pattern", field + ".pattern"));
  if (absent(pattern, "Regex")) return unsupported(field + ".pattern", "a literal string");
  const std::string_view regex = LEAM_TRY(string_at(pattern, "Regex", field + ".pattern"));
  const std::string_view behavior = LEAM_TRY(string_at(o, "behavior", field));
  const bool invert = LEAM_TRY(flag_at(o, "invert", field, false));
  const auto known = pattern_of_regex(regex);
  if (!known) return unsupported(field + ".pattern.Regex", fmt::format("\"{}\"", regex));
  // All known expressions cover the whole text: keeping the pieces and removing what is between is the same.
  if (!(behavior == "Isolated" && !invert) && !(behavior == "Removed" && invert))
    return unsupported(field + ".behavior", fmt::format("{} with invert {}", behavior, invert));
  data_.cuts.push_back({Cut::Kind::kPattern, *known});
  return {};
}

Result<void> Loader::pre_tokenizer_step(dom::object o, const std::string& field) {
  const std::string_view type = LEAM_TRY(string_at(o, "type", field));
  if (byte_level_) return unsupported(field, fmt::format("{} after ByteLevel", type));
  if (type == "ByteLevel") {
    byte_level_ = true;
    data_.prefix_space = LEAM_TRY(flag_at(o, "add_prefix_space", field, true));
    data_.byte_level_regex = LEAM_TRY(flag_at(o, "use_regex", field, true));
    return {};
  }
  if (type == "Split") return split(o, field);
  if (type == "Digits") {
    const bool one_by_one = LEAM_TRY(flag_at(o, "individual_digits", field, false));
    data_.cuts.push_back({one_by_one ? Cut::Kind::kEachDigit : Cut::Kind::kDigitRuns, {}});
    return {};
  }
  if (type == "Punctuation") {
    const std::string_view how =
        absent(o, "behavior") ? "Isolated" : LEAM_TRY(string_at(o, "behavior", field));
    if (how != "Isolated" && how != "Contiguous") return unsupported(field + ".behavior", std::string(how));
    data_.cuts.push_back({how == "Isolated" ? Cut::Kind::kEachPunct : Cut::Kind::kPunctRuns, {}});
    return {};
  }
  return unsupported(field, std::string(type));
}

Result<void> Loader::pre_tokenizer(dom::object top) {
  if (absent(top, "pre_tokenizer")) return unsupported("pre_tokenizer", "null");
  const dom::object o = LEAM_TRY(object_at(top, "pre_tokenizer", "pre_tokenizer"));
  LEAM_TRY(each_step(o, "pretokenizers", "pre_tokenizer",
                     [&](dom::object step, std::string_view, const std::string& field) {
                       return pre_tokenizer_step(step, field);
                     }));
  if (!byte_level_) return unsupported("pre_tokenizer", "a vocabulary that is not byte-level");
  return {};
}

Result<void> Loader::template_processing(dom::object o, const std::string& field) {
  const dom::object specials = LEAM_TRY(object_at(o, "special_tokens", field + ".special_tokens"));
  std::vector<TokenId>* side = &data_.prefix;
  bool text_seen = false;
  size_t index = 0;
  for (const dom::element e : LEAM_TRY(array_at(o, "single", field))) {
    const std::string part = fmt::format("{}.single[{}]", field, index++);
    const dom::object piece = LEAM_TRY(object(e, part));
    if (!absent(piece, "Sequence")) {
      const dom::object sequence = LEAM_TRY(object_at(piece, "Sequence", part));
      if (LEAM_TRY(string_at(sequence, "id", part)) != "A" || text_seen)
        return bad(part, "is not the text once");
      text_seen = true;
      side = &data_.suffix;
      continue;
    }
    const dom::object special = LEAM_TRY(object_at(piece, "SpecialToken", part));
    const std::string_view name = LEAM_TRY(string_at(special, "id", part));
    const std::string entry = fmt::format("{}.special_tokens[\"{}\"]", field, name);
    std::optional<dom::object> found;
    for (const auto& candidate : specials) {
      if (candidate.key == name) found = LEAM_TRY(object(candidate.value, entry));
    }
    if (!found) return bad(entry, "is missing");
    for (const dom::element token : LEAM_TRY(array_at(*found, "ids", entry))) {
      const uint32_t v = LEAM_TRY(id(dom::element(token), entry + ".ids"));
      if (!data_.tokens.texts().has(v)) return bad(entry, fmt::format("id {} is not in the vocabulary", v));
      side->push_back(v);
    }
  }
  if (!text_seen) return bad(field + ".single", "does not hold the text");
  return {};
}

Result<void> Loader::post_processor_step(dom::object o, const std::string& field) {
  const std::string_view type = LEAM_TRY(string_at(o, "type", field));
  if (type == "ByteLevel") {
    data_.trim_spans = LEAM_TRY(flag_at(o, "trim_offsets", field, true));
    data_.trim_keeps_prefix_space = LEAM_TRY(flag_at(o, "add_prefix_space", field, true));
    return {};
  }
  if (type != "TemplateProcessing") return unsupported(field, std::string(type));
  if (!data_.prefix.empty() || !data_.suffix.empty()) return unsupported(field, "a second template");
  return template_processing(o, field);
}

Result<void> Loader::post_processor(dom::object top) {
  if (absent(top, "post_processor")) return {};
  const dom::object o = LEAM_TRY(object_at(top, "post_processor", "post_processor"));
  return each_step(o, "processors", "post_processor",
                   [&](dom::object step, std::string_view, const std::string& field) {
                     return post_processor_step(step, field);
                   });
}

Result<void> Loader::decoder(dom::object top) {
  if (absent(top, "decoder")) return unsupported("decoder", "null");
  const dom::object o = LEAM_TRY(object_at(top, "decoder", "decoder"));
  int steps = 0;
  LEAM_TRY(each_step(o, "decoders", "decoder",
                     [&](dom::object, std::string_view type, const std::string& field) -> Result<void> {
                       if (type != "ByteLevel" || steps++ > 0) return unsupported(field, std::string(type));
                       return {};
                     }));
  if (steps == 0) return unsupported("decoder", "an empty sequence");
  return {};
}

}  // namespace

Result<std::shared_ptr<const TokenizerData>> parse_tokenizer(std::string_view json,
                                                             const std::string& where) {
  auto data = std::make_shared<TokenizerData>();
  LEAM_TRY(Loader(where, *data).load(json));
  return std::shared_ptr<const TokenizerData>(std::move(data));
}

}  // namespace leam::text::detail
