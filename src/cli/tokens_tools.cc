// `leam tokens encode`, `decode` and `inspect`: for people and scripts, on any tokenizer.json and any shards.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <functional>

#include "base/artifact/shards.h"
#include "base/core/units.h"
#include "base/text/tokenizer.h"
#include "cli/command.h"
#include "pipeline/tokens/pack.h"

namespace leam::cli {
namespace {

// Calls f(text, number from 1) for every line of a file, or of the standard input for "-". A last line
// without an end counts, an empty one behind the last end does not.
Result<void> each_line(const std::string& path, char end, const StopFlag& stop,
                       const std::function<Result<void>(std::string_view, uint64_t)>& f) {
  const auto close = [](std::FILE* file) {
    if (file != stdin) (void)std::fclose(file);
  };
  const std::unique_ptr<std::FILE, decltype(close)> in(path == "-" ? stdin : std::fopen(path.c_str(), "rb"),
                                                       close);
  if (!in) return Error(ErrorCode::kNotFound, "tokens.cli", fmt::format("cannot read {}", path));
  std::string held;
  std::vector<char> piece(1 << 20);
  uint64_t number = 0;
  while (true) {
    LEAM_TRY(stop.check("tokens.cli", ""));
    const size_t n = std::fread(piece.data(), 1, piece.size(), in.get());
    if (n == 0) break;
    std::string_view rest(piece.data(), n);
    for (size_t at = rest.find(end); at != std::string_view::npos; at = rest.find(end)) {
      held += rest.substr(0, at);
      LEAM_TRY(f(held, ++number));
      held.clear();
      rest.remove_prefix(at + 1);
    }
    held += rest;
    if (held.size() > text::kMaxText) {
      return Error(ErrorCode::kInvalid, "tokens.cli",
                   fmt::format("{}: line {} is longer than 1 GiB", path, number + 1));
    }
  }
  if (std::ferror(in.get()) != 0)
    return Error(ErrorCode::kIo, "tokens.cli", fmt::format("cannot read {}", path));
  if (!held.empty()) LEAM_TRY(f(held, ++number));
  return {};
}

void put(std::string_view bytes) {
  (void)std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

struct EncodeCommand {
  std::string tokenizer, file = "-";
  bool no_special = false, plain = false, offsets = false, as_json = false, null = false;
};

Result<void> encode(const EncodeCommand& o, Session& session) {
  const text::Tokenizer tokenizer = LEAM_TRY(text::Tokenizer::load(*session.env, o.tokenizer));
  text::Encoder encoder = tokenizer.encoder();
  const text::EncodeOptions options{.add_special = !o.no_special, .parse_special = !o.plain};
  text::Encoding e;
  std::string out;
  return each_line(
      o.file, o.null ? '\0' : '\n', session.stop, [&](std::string_view line, uint64_t) -> Result<void> {
        e.ids.clear();
        e.spans.clear();
        out.clear();
        if (!o.offsets && !o.as_json) {
          encoder.encode(line, options, e.ids);
        } else {
          encoder.encode(line, options, e);
        }
        if (o.as_json) {
          json::array ids, tokens, offsets;
          for (size_t i = 0; i < e.ids.size(); ++i) {
            ids.emplace_back(e.ids[i]);
            tokens.emplace_back(tokenizer.id_to_token(e.ids[i]).value_or(""));
            offsets.push_back(json::array{e.spans[i].begin, e.spans[i].end});
          }
          out = json::serialize(json::object{{"ids", ids}, {"tokens", tokens}, {"offsets", offsets}});
        } else {
          const auto end = std::back_inserter(out);
          for (size_t i = 0; i < e.ids.size(); ++i) {
            if (i > 0) out += ' ';
            fmt::format_to(end, "{}", e.ids[i]);
            if (o.offsets) fmt::format_to(end, ":{}-{}", e.spans[i].begin, e.spans[i].end);
          }
        }
        out += '\n';
        put(out);
        return {};
      });
}

struct DecodeCommand {
  std::string tokenizer, file = "-";
  bool keep_special = false, null = false;
};

Result<void> decode(const DecodeCommand& o, Session& session) {
  const text::Tokenizer tokenizer = LEAM_TRY(text::Tokenizer::load(*session.env, o.tokenizer));
  std::vector<text::TokenId> ids;
  return each_line(o.file, '\n', session.stop, [&](std::string_view line, uint64_t number) -> Result<void> {
    ids.clear();
    for (size_t at = 0; at < line.size();) {
      if (line[at] == ' ' || line[at] == '\t' || line[at] == '\r') {
        ++at;
        continue;
      }
      text::TokenId id = 0;
      const auto [end, error] = std::from_chars(line.data() + at, line.data() + line.size(), id);
      if (error != std::errc() || !tokenizer.id_to_token(id)) {
        return Error(
            ErrorCode::kInvalid, "tokens.cli",
            fmt::format("{}: line {}, byte {}: not a token id of this tokenizer", o.file, number, at + 1),
            fmt::format("ids are numbers below {}, separated by spaces", tokenizer.vocab_size()));
      }
      ids.push_back(id);
      at = static_cast<size_t>(end - line.data());
    }
    put(tokenizer.decode(ids, !o.keep_special));
    put(std::string_view(o.null ? "\0" : "\n", 1));
    return {};
  });
}

struct InspectCommand {
  std::string folder = "tokens", document;
  bool verify = false, ids = false, as_json = false;
};

// The document by number or by id.
Result<uint64_t> find_document(const artifact::ShardSet& shards, const std::string& name) {
  if (const auto id = Hash128::from_hex(name)) {
    for (uint64_t i = 0; i < shards.documents(); ++i) {
      if (shards.document(i).id == *id) return i;
    }
    return Error(ErrorCode::kNotFound, "tokens.cli", fmt::format("no document {} in the shards", name));
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number >= shards.documents()) {
    return Error(ErrorCode::kNotFound, "tokens.cli", fmt::format("no document {} in the shards", name),
                 fmt::format("give its 32 hex digits, or a number below {}", shards.documents()));
  }
  return number;
}

Result<void> inspect_document(const artifact::ShardSet& shards, const InspectCommand& o, Session& session) {
  const uint64_t index = LEAM_TRY(find_document(shards, o.document));
  const artifact::ShardDocument d = shards.document(index);
  std::vector<uint32_t> ids(d.end - d.begin);
  LEAM_TRY(shards.read(d.begin, ids));
  const text::Tokenizer tokenizer = LEAM_TRY(text::Tokenizer::load(*session.env, o.folder));
  if (tokenizer.content_hash() != shards.vocabulary().tokenizer) {
    return Error(ErrorCode::kCorrupt, "tokens.cli",
                 fmt::format("{} is not the tokenizer these shards were made with",
                             path_join(o.folder, "tokenizer.json")));
  }
  fmt::print(
      "document  {} ({} of {})\nshard     {}\nlanguage  {}\nsource    {}\ntext      {} characters, {} "
      "bytes\n",
      d.id.hex(), index, shards.documents(), shards.shard(shards.locate(d.begin).first).path(), d.lang,
      d.source, d.text_chars, d.text_bytes);
  fmt::print("tokens    {} ({} to {})\n\n", d.end - d.begin, d.begin, d.end);
  if (o.ids) {
    for (const uint32_t id : ids) fmt::print("{:>7}  {}\n", id, tokenizer.id_to_token(id).value_or("?"));
  } else {
    put(tokenizer.decode(ids, false));
    put("\n");
  }
  return {};
}

Result<void> inspect(const InspectCommand& o, Session& session) {
  const artifact::ShardSet shards = LEAM_TRY(artifact::ShardSet::open(*session.env, o.folder));
  for (size_t i = 0; o.verify && i < shards.size(); ++i) LEAM_TRY(shards.shard(i).verify());
  if (!o.document.empty()) return inspect_document(shards, o, session);
  const auto counts = LEAM_TRY(tokens::count_languages(shards));
  if (o.as_json) {
    json::object all = tokens::to_json(counts);
    json::array list;
    for (size_t i = 0; i < shards.size(); ++i) {
      const artifact::Shard& s = shards.shard(i);
      list.push_back(
          json::object{{"file", path_base(s.path())}, {"documents", s.documents()}, {"tokens", s.tokens()}});
    }
    all["shards"] = list;
    all["vocab"] = shards.vocabulary().size;
    all["tokenizer"] = shards.vocabulary().tokenizer.hex();
    put(pretty_json(all));
    return {};
  }
  fmt::print("{} shards, {} documents, {} tokens of {} bytes, vocabulary {}, tokenizer {}{}\n\n",
             shards.size(), shards.documents(), shards.tokens(), shards.shard(0).id_bytes(),
             shards.vocabulary().size, shards.vocabulary().tokenizer.hex(),
             o.verify ? ", checksums agree" : "");
  fmt::print("{:<8} {:>10} {:>12} {:>12} {:>12} {:>12}\n", "language", "documents", "tokens", "chars",
             "bytes/token", "chars/token");
  for (const auto& [lang, c] : counts) {
    const double tokens = static_cast<double>(c.tokens);
    fmt::print("{:<8} {:>10} {:>12} {:>12} {:>12.2f} {:>12.2f}\n", lang, c.documents, c.tokens, c.chars,
               static_cast<double>(c.bytes) / tokens, static_cast<double>(c.chars) / tokens);
  }
  return {};
}

}  // namespace

void add_tokens_tools(CLI::App& app, Session& session) {
  CLI::App* tokens = app.get_subcommand("tokens");

  auto e = std::make_shared<EncodeCommand>();
  CLI::App* encode_command = tokens->add_subcommand("encode", "text lines → lines of token ids");
  encode_command->add_option("--tokenizer", e->tokenizer, "a tokenizer.json, or a folder that holds one")
      ->required();
  encode_command->add_flag("--no-special", e->no_special, "do not add the tokens that frame a text");
  encode_command->add_flag("--plain", e->plain, "special tokens spelled out in the text are only text");
  encode_command->add_flag("--offsets", e->offsets, "id:begin-end, in bytes of the line");
  encode_command->add_flag("--json", e->as_json, "an object a line: ids, tokens, offsets");
  encode_command->add_flag("--null", e->null, "texts end with a NUL byte and may hold newlines");
  encode_command->add_option("FILE", e->file, "text, UTF-8 (-: standard input)")->capture_default_str();
  encode_command->callback([&session, e] { session.action = [&session, e] { return encode(*e, session); }; });

  auto d = std::make_shared<DecodeCommand>();
  CLI::App* decode_command = tokens->add_subcommand("decode", "lines of token ids → text lines");
  decode_command->add_option("--tokenizer", d->tokenizer, "a tokenizer.json, or a folder that holds one")
      ->required();
  decode_command->add_flag("--keep-special", d->keep_special, "write special tokens too");
  decode_command->add_flag("--null", d->null, "end each text with a NUL byte instead of a newline");
  decode_command->add_option("FILE", d->file, "ids (-: standard input)")->capture_default_str();
  decode_command->callback([&session, d] { session.action = [&session, d] { return decode(*d, session); }; });

  auto i = std::make_shared<InspectCommand>();
  CLI::App* inspect_command = tokens->add_subcommand("inspect", "what token shards hold");
  inspect_command->add_option("FOLDER", i->folder, "the stage's output")->capture_default_str();
  inspect_command->add_option("--document", i->document, "one document, by id or number: its text");
  inspect_command->add_flag("--ids", i->ids, "with --document: a token a line");
  inspect_command->add_flag("--verify", i->verify, "check every checksum and id");
  inspect_command->add_flag("--json", i->as_json, "for machines");
  inspect_command->callback(
      [&session, i] { session.action = [&session, i] { return inspect(*i, session); }; });
}

}  // namespace leam::cli
