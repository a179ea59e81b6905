// `leam crawl extract`, `cat` and `langid`: the stage's crafts on files or standard input, one line out for
// each.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/core/json.h"
#include "base/text/utf8.h"
#include "cli/command.h"
#include "pipeline/crawl/extract/page.h"
#include "pipeline/crawl/language.h"
#include "pipeline/crawl/read/digest.h"
#include "pipeline/crawl/read/warc.h"

namespace leam::cli {
namespace {

void put(std::string_view bytes) {
  (void)std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

Result<std::string> read_input(const Env& env, const std::string& path) {
  if (path != "-") return env.read_file(path);
  std::string all, piece(1 << 16, '\0');
  for (size_t n = 0; (n = std::fread(piece.data(), 1, piece.size(), stdin)) > 0;) all.append(piece, 0, n);
  return all;
}

void add_text(json::object& o, const char* key, const std::string& value) {
  if (!value.empty()) o[key] = value;
}

Result<void> extract(Session& session, const std::vector<std::string>& files, const std::string& format) {
  crawl::Extractor extractor;
  for (const std::string& file : files) {
    LEAM_TRY(session.stop.check("crawl.extract", ""));
    const auto bytes = read_input(*session.env, file);
    if (!bytes.ok()) {
      if (files.size() == 1) return bytes.error();
      if (format == "json")
        put(json::serialize(json::object{{"file", file}, {"error", bytes.error().what()}}) + '\n');
      continue;
    }
    const crawl::ExtractedPage page = extractor.extract(*bytes, {});
    if (format == "text") {
      put(page.text);
      put("\n");
      continue;
    }
    json::object o{{"file", file}, {"text", page.text}};
    add_text(o, "title", page.title);
    add_text(o, "date", page.date);
    add_text(o, "author", page.author);
    const crawl::Language language = crawl::detect_language(page.text);
    o["lang"] = language.code;
    o["lang_score"] = language.score;
    add_text(o, "declared_lang", page.language);
    add_text(o, "canonical", page.canonical);
    add_text(o, "licence", page.licence);
    add_text(o, "licence_from", page.licence_from);
    if (page.licence_disagrees) o["licence_disagrees"] = true;
    add_text(o, "tdm", page.tdm);
    add_text(o, "tdm_policy", page.tdm_policy);
    add_text(o, "robots", page.robots);
    add_text(o, "encoding", page.encoding);
    if (page.replaced > 0) o["replaced"] = page.replaced;
    if (page.truncated) o["truncated"] = true;
    put(json::serialize(o) + '\n');
  }
  return {};
}

json::value digest_value(std::string_view digest, std::string_view bytes) {
  switch (crawl::check_digest(digest, bytes)) {
    case crawl::DigestCheck::kGood:
      return true;
    case crawl::DigestCheck::kBad:
      return false;
    case crawl::DigestCheck::kNone:
      break;
  }
  return nullptr;
}

Result<void> cat(Session& session, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    auto source = LEAM_TRY(crawl::ByteSource::open(*session.env, file));
    crawl::WarcReader reader(std::move(source), {size_t{1} << 30});
    const auto put_broken = [&] {
      for (const crawl::Broken& b : reader.take_broken())
        put(json::serialize(json::object{{"file", file}, {"offset", b.offset}, {"error", b.what}}) + '\n');
    };
    crawl::WarcRecord r;
    while (reader.next(r)) {
      LEAM_TRY(session.stop.check("crawl.cat", ""));
      put_broken();
      json::object o{{"file", file}, {"offset", r.offset}, {"type", r.type}};
      if (!r.starts_member) o["offset_of"] = "member";  // the record begins inside the member at `offset`
      add_text(o, "uri", r.uri);
      add_text(o, "date", r.date);
      o["length"] = r.length;
      add_text(o, "content_type", r.content_type);
      if (r.truncated) o["truncated"] = true;
      // A revisit's payload digest is that of the earlier response.
      if (r.type != "revisit" && !r.too_large) {
        if (!r.block_digest.empty()) o["block_digest_ok"] = digest_value(r.block_digest, r.block);
        if (!r.payload_digest.empty()) {
          const bool http = r.block.starts_with("HTTP/") || r.content_type.find("application/http") == 0;
          o["payload_digest_ok"] =
              digest_value(r.payload_digest, http ? crawl::http_payload(r.block) : std::string_view(r.block));
        }
      }
      put(json::serialize(o) + '\n');
    }
    put_broken();
  }
  return {};
}

Result<void> langid(Session& session, const std::string& file) {
  const std::string all = LEAM_TRY(read_input(*session.env, file));
  std::string_view rest = all;
  while (!rest.empty()) {
    LEAM_TRY(session.stop.check("crawl.langid", ""));
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const crawl::Language language =
        text::is_utf8(line) ? crawl::detect_language(line) : crawl::detect_language(text::repair_utf8(line));
    put(fmt::format("{}\t{:.3f}\n", language.code, language.score));
  }
  return {};
}

}  // namespace

void add_crawl_tools(CLI::App& app, Session& session) {
  CLI::App* crawl = app.get_subcommand("crawl");
  {
    auto files = std::make_shared<std::vector<std::string>>();
    auto format = std::make_shared<std::string>("json");
    CLI::App* c =
        crawl->add_subcommand("extract", "main text and metadata of HTML pages, one JSON object a page");
    c->add_option("FILE", *files, "HTML files; - is standard input")->required();
    c->add_option("--format", *format, "json or text")
        ->check(CLI::IsMember({"json", "text"}))
        ->capture_default_str();
    c->callback([&session, files, format] {
      session.action = [&session, files, format] { return extract(session, *files, *format); };
    });
  }
  {
    auto files = std::make_shared<std::vector<std::string>>();
    CLI::App* c = crawl->add_subcommand(
        "cat", "records of web archives (.warc, .arc, packed or not), one JSON object each");
    c->add_option("FILE", *files, "web archives")->required();
    c->callback([&session, files] { session.action = [&session, files] { return cat(session, *files); }; });
  }
  {
    auto file = std::make_shared<std::string>("-");
    CLI::App* c = crawl->add_subcommand("langid", "language and confidence of each line");
    c->add_option("FILE", *file, "text; - is standard input")->capture_default_str();
    c->callback([&session, file] { session.action = [&session, file] { return langid(session, *file); }; });
  }
}

}  // namespace leam::cli
