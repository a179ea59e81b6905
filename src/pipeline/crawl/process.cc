#include "pipeline/crawl/process.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/artifact/documents.h"
#include "base/core/hash.h"
#include "base/text/charset.h"
#include "base/text/unicode.h"
#include "base/text/utf8.h"
#include "pipeline/crawl/language.h"
#include "pipeline/crawl/read/http.h"

namespace leam::crawl {
namespace {

// What no HTML begins with, and a name for it.
std::string_view binary_format(std::string_view bytes) {
  struct Magic {
    std::string_view bytes, name;
  };
  constexpr Magic kMagics[] = {{"%PDF-", "PDF"},
                               {"\x89PNG", "PNG"},
                               {"GIF8", "GIF"},
                               {"\xFF\xD8\xFF", "JPEG"},
                               {"PK\x03\x04", "zip"},
                               {"\x7F"
                                "ELF",
                                "ELF"},
                               {"RIFF", "RIFF"},
                               {"\x1F\x8B", "gzip"},
                               {"%!PS", "PostScript"},
                               {"{\\rtf", "RTF"}};
  for (const Magic& m : kMagics) {
    if (bytes.starts_with(m.bytes)) return m.name;
  }
  return "";
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

}  // namespace

void Counts::add(const Counts& other) {
  pages += other.pages;
  documents += other.documents;
  chars += other.chars;
  broken += other.broken;
  raw_bytes += other.raw_bytes;
  for (const auto& [lang, n] : other.languages) {
    languages[lang].documents += n.documents;
    languages[lang].chars += n.chars;
  }
  for (const auto& [rule, n] : other.dropped) dropped[rule] += n;
}

json::object Counts::to_json() const {
  json::object by_language, by_rule;
  for (const auto& [lang, n] : languages)
    by_language[lang] = json::object{{"documents", n.documents}, {"chars", n.chars}};
  for (const auto& [rule, n] : dropped) by_rule[rule] = n;
  return json::object{{"pages", pages},    {"documents", documents}, {"chars", chars},
                      {"broken", broken},  {"raw_bytes", raw_bytes}, {"languages", by_language},
                      {"dropped", by_rule}};
}

Result<Counts> Counts::from_json(const json::object& o, std::string_view where) {
  Counts c;
  const auto number = [&](const json::object& from, std::string_view key) -> Result<uint64_t> {
    return static_cast<uint64_t>(LEAM_TRY(json_int(from, key, where)));
  };
  c.pages = LEAM_TRY(number(o, "pages"));
  c.documents = LEAM_TRY(number(o, "documents"));
  c.chars = LEAM_TRY(number(o, "chars"));
  c.broken = LEAM_TRY(number(o, "broken"));
  c.raw_bytes = LEAM_TRY(number(o, "raw_bytes"));
  const json::value* languages = o.if_contains("languages");
  const json::value* dropped = o.if_contains("dropped");
  if (languages == nullptr || !languages->is_object() || dropped == nullptr || !dropped->is_object())
    return Error(ErrorCode::kCorrupt, "crawl.counts", fmt::format("{}: counts are not complete", where));
  for (const auto& [lang, n] : languages->as_object()) {
    if (!n.is_object())
      return Error(ErrorCode::kCorrupt, "crawl.counts", fmt::format("{}: languages", where));
    c.languages[lang] = {LEAM_TRY(number(n.as_object(), "documents")),
                         LEAM_TRY(number(n.as_object(), "chars"))};
  }
  for (const auto& [rule, n] : dropped->as_object())
    c.dropped[rule] = LEAM_TRY(number(dropped->as_object(), rule));
  return c;
}

Processor::Processor(const Config& config, const Env& env, const std::vector<InputFile>& files)
    : config_(config), env_(env), files_(files), extractor_(ExtractOptions{config.max_page_bytes, {}}) {}

void Processor::drop(const Item& item, const std::string& rule, double value, double threshold,
                     std::string detail, uint64_t chars, Lines& out) const {
  const InputFile& f = files_[item.file];
  artifact::Drop d;
  const std::string place = f.source + '/' + f.name;
  d.id = hash128(!item.locator.empty() ? item.locator : fmt::format("{}#{}", place, item.offset)).hex();
  d.url = item.hints.url;
  d.stage = "crawl";
  d.rule = rule;
  d.value = value;
  d.threshold = threshold;
  d.chars = chars;
  const bool record = f.kind == FileKind::kWarc || f.kind == FileKind::kJsonl;
  d.detail = record ? fmt::format("{} at byte {}", place, item.offset) : place;
  if (!detail.empty()) d.detail += ": " + detail;
  out.drops += artifact::to_line(d);
  out.drops += '\n';
  ++out.counts.dropped[rule];
  if (rule == "broken") ++out.counts.broken;
}

void Processor::process(Item& item, Lines& out) {
  if (item.kind != Item::Kind::kDrop || item.rule != "broken") ++out.counts.pages;
  out.counts.raw_bytes += item.raw;
  switch (item.kind) {
    case Item::Kind::kDrop:
      drop(item, item.rule, 0, 0, item.detail, 0, out);
      return;
    case Item::Kind::kPage:
      page(item, item.bytes, false, out);
      return;
    case Item::Kind::kDecoded:
      page(item, item.bytes, true, out);
      return;
    case Item::Kind::kText:
      plain_text(item, item.bytes, {}, out);
      return;
    case Item::Kind::kFile: {
      const InputFile& f = files_[item.file];
      if (f.size == 0) return drop(item, "empty", 0, static_cast<double>(config_.min_chars), "", 0, out);
      const auto mapped = env_.map(f.path);
      if (!mapped.ok()) return drop(item, "broken", 0, 0, mapped.error().what(), 0, out);
      std::string_view bytes = (*mapped)->bytes();
      std::string unpacked;
      bool cut = false;
      const std::string name = lower(f.name);
      if (name.ends_with(".gz") || name.ends_with(".zst")) {
        if (!unpack_all(bytes, config_.max_page_bytes, unpacked, cut))
          return drop(item, "broken", 0, 0, "cannot be unpacked", 0, out);
        bytes = unpacked;
      }
      if (item.html) return page(item, bytes, false, out);
      const text::Decoded decoded = text::decode_page(bytes.substr(0, config_.max_page_bytes), "");
      ExtractedPage p;
      p.encoding = decoded.encoding;
      p.replaced = decoded.replaced;
      p.truncated = cut || bytes.size() > config_.max_page_bytes;
      return plain_text(item, decoded.text, std::move(p), out);
    }
    case Item::Kind::kHttp: {
      HttpResponse r = parse_http(item.bytes, config_.max_page_bytes);
      if (!r.error.empty()) return drop(item, "broken", 0, 0, r.error, 0, out);
      if (r.status != 0 && (r.status < 200 || r.status > 299))
        return drop(item, "http-status", r.status, 299, "", 0, out);
      std::string type = lower(r.content_type);
      type = type.substr(0, type.find(';'));
      while (!type.empty() && type.back() == ' ') type.pop_back();
      item.hints.content_type = r.content_type;
      item.hints.robots_tag = r.robots_tag;
      item.hints.tdm_reservation = r.tdm_reservation;
      item.hints.tdm_policy = r.tdm_policy;
      if (type == "text/plain") {
        const text::Decoded decoded = text::decode_page(r.body, r.content_type);
        ExtractedPage p;
        p.encoding = decoded.encoding;
        p.replaced = decoded.replaced;
        p.robots = lower(r.robots_tag);
        p.tdm = r.tdm_reservation == "1" ? "reserved" : r.tdm_reservation == "0" ? "allowed" : "";
        return plain_text(item, decoded.text, std::move(p), out);
      }
      const size_t first = r.body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
      const bool unnamed_html =
          (type.empty() || type == "application/octet-stream" || type == "unknown/unknown") &&
          first != std::string::npos && r.body[first] == '<';
      if (type != "text/html" && type != "application/xhtml+xml" && !unnamed_html)
        return drop(item, "not-html", 0, 0, type.empty() ? "no content type" : type, 0, out);
      return page(item, r.body, false, out);
    }
  }
}

void Processor::page(const Item& item, std::string_view bytes, bool decoded, Lines& out) {
  if (const std::string_view format = binary_format(bytes); !format.empty())
    return drop(item, "not-html", 0, 0, std::string(format), 0, out);
  ExtractedPage p = decoded ? extractor_.extract_decoded(
                                  text::is_utf8(bytes) ? bytes : text::repair_utf8(bytes), item.hints)
                            : extractor_.extract(bytes, item.hints);
  document(item, std::move(p), out);
}

void Processor::plain_text(const Item& item, std::string_view utf8, ExtractedPage page, Lines& out) {
  std::string repaired;
  if (!text::is_utf8(utf8)) {
    repaired = text::repair_utf8(utf8, &page.replaced);
    utf8 = repaired;
  }
  page.text = tidy_text(utf8);
  document(item, std::move(page), out);
}

void Processor::document(const Item& item, ExtractedPage&& page, Lines& out) {
  const uint64_t chars = text::count_code_points(page.text);
  if (chars < config_.min_chars)
    return drop(item, "empty", static_cast<double>(chars), static_cast<double>(config_.min_chars), "", chars,
                out);
  if (static_cast<double>(page.replaced) > config_.max_replaced_share * static_cast<double>(chars)) {
    return drop(item, "encoding", static_cast<double>(page.replaced) / static_cast<double>(chars),
                config_.max_replaced_share, page.encoding, chars, out);
  }
  const InputFile& f = files_[item.file];
  artifact::Document d;
  d.id = hash128(item.locator).hex();
  d.source = f.source;
  d.created = !page.date.empty() ? page.date : item.created;
  d.added = !item.added.empty() ? item.added : config_.date;
  d.url = !item.hints.url.empty() ? item.hints.url : page.canonical;
  d.title = !page.title.empty() ? page.title : item.title;
  const Language language = detect_language(page.text);
  d.lang = language.code;
  d.lang_score = language.score;
  d.licence = !page.licence.empty() ? page.licence : item.licence;
  d.tdm = page.tdm;
  d.robots = page.robots;
  d.extra["file"] = f.name;
  if (f.kind == FileKind::kWarc || f.kind == FileKind::kJsonl) {
    d.extra["offset"] = item.offset;
    if (item.skip > 0) d.extra["skip"] = item.skip;
  }
  if (!page.author.empty()) d.extra["author"] = page.author;
  const std::string& declared = !page.language.empty() ? page.language : item.lang;
  if (!declared.empty()) d.extra["declared_lang"] = declared;
  if (!page.canonical.empty() && page.canonical != d.url) d.extra["canonical"] = page.canonical;
  if (!page.licence_from.empty()) d.extra["licence_from"] = page.licence_from;
  if (page.licence_disagrees) d.extra["licence_disagrees"] = true;
  if (!page.tdm_policy.empty()) d.extra["tdm_policy"] = page.tdm_policy;
  if (!page.encoding.empty() && page.encoding != "utf-8") d.extra["encoding"] = page.encoding;
  if (page.replaced > 0) d.extra["replaced"] = page.replaced;
  if (page.truncated) d.extra["truncated"] = true;
  d.text = std::move(page.text);
  out.documents += artifact::to_line(d);
  out.documents += '\n';
  ++out.counts.documents;
  out.counts.chars += chars;
  Counts::PerLanguage& n = out.counts.languages[d.lang];
  ++n.documents;
  n.chars += chars;
}

}  // namespace leam::crawl
