#include "base/artifact/documents.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/artifact/json_line.h"

namespace leam::artifact {
namespace {

namespace dom = simdjson::dom;

constexpr std::array<std::string_view, 8> kMetadata = {"url",     "title", "lang",   "lang_score",
                                                       "licence", "tdm",   "robots", "security"};

bool is_metadata(std::string_view key) {
  return std::find(kMetadata.begin(), kMetadata.end(), key) != kMetadata.end();
}

Error broken(std::string_view where, std::string what) {
  return Error(ErrorCode::kCorrupt, "artifact.documents", fmt::format("{}: {}", where, what));
}

// A parser keeps its buffers from line to line; a thread has its own.
Result<dom::element> parse(std::string_view line, std::string_view where) {
  thread_local dom::parser parser;
  dom::element root;
  const simdjson::error_code error = parser.parse(line.data(), line.size()).get(root);
  if (error != simdjson::SUCCESS)
    return broken(where, fmt::format("not valid JSON: {}", simdjson::error_message(error)));
  if (!root.is_object()) return broken(where, "a line must be one JSON object");
  return root;
}

Result<void> read_text(dom::element value, std::string_view key, std::string_view where, std::string& into) {
  if (value.is_null()) return {};
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return broken(where, fmt::format("\"{}\" must be a string", key));
  into.assign(text);
  return {};
}

Result<void> read_number(dom::element value, std::string_view key, std::string_view where, double& into) {
  if (value.is_null()) return {};
  if (value.get(into) != simdjson::SUCCESS) return broken(where, fmt::format("\"{}\" must be a number", key));
  return {};
}

json::value to_boost(dom::element e) {
  switch (e.type()) {
    case dom::element_type::ARRAY: {
      json::array out;
      for (const dom::element item : dom::array(e)) out.push_back(to_boost(item));
      return out;
    }
    case dom::element_type::OBJECT: {
      json::object out;
      for (const auto [key, value] : dom::object(e)) out[json::string_view(key)] = to_boost(value);
      return out;
    }
    case dom::element_type::INT64:
      return int64_t(e);
    case dom::element_type::UINT64:
      return uint64_t(e);
    case dom::element_type::DOUBLE:
      return double(e);
    case dom::element_type::STRING: {
      const std::string_view text = e;
      return json::string(text);
    }
    case dom::element_type::BOOL:
      return bool(e);
    case dom::element_type::NULL_VALUE:
      return nullptr;
  }
  bug("unknown JSON type");
}

// One member of "metadata". Foreign files have them at the top level too.
Result<void> read_member(std::string_view key, dom::element value, std::string_view where, Document& d) {
  if (key == "url") return read_text(value, key, where, d.url);
  if (key == "title") return read_text(value, key, where, d.title);
  if (key == "lang") return read_text(value, key, where, d.lang);
  if (key == "lang_score") return read_number(value, key, where, d.lang_score);
  if (key == "licence") return read_text(value, key, where, d.licence);
  if (key == "tdm") return read_text(value, key, where, d.tdm);
  if (key == "robots") return read_text(value, key, where, d.robots);
  if (key == "security") return read_text(value, key, where, d.security);
  d.extra[json::string_view(key)] = to_boost(value);
  return {};
}

}  // namespace

std::string to_line(const Document& d) {
  JsonLine line(d.text.size() + d.text.size() / 16 + 512);
  line.open();
  line.text("id", d.id);
  line.text("text", d.text);
  line.text_if("source", d.source);
  line.text_if("created", d.created);
  line.text_if("added", d.added);
  line.key("metadata");
  line.open();
  line.text_if("url", d.url);
  line.text_if("title", d.title);
  line.text_if("lang", d.lang);
  if (d.lang_score != 0) line.number("lang_score", d.lang_score);
  line.text_if("licence", d.licence);
  line.text_if("tdm", d.tdm);
  line.text_if("robots", d.robots);
  line.text_if("security", d.security);
  for (const auto& [key, value] : d.extra) {
    if (is_metadata(key)) continue;
    line.key(key);
    line.value(value);
  }
  line.close();
  line.close();
  return line.take();
}

std::string to_line(const Drop& d) {
  JsonLine line(256 + d.url.size() + d.detail.size());
  line.open();
  line.text("id", d.id);
  line.text_if("url", d.url);
  line.text_if("lang", d.lang);
  line.text("stage", d.stage);
  line.text("rule", d.rule);
  line.number("value", d.value);
  line.number("threshold", d.threshold);
  line.number("chars", d.chars);
  line.text_if("detail", d.detail);
  line.close();
  return line.take();
}

Result<Document> document_from_line(std::string_view line, std::string_view where) {
  Document d;
  bool has_id = false, has_text = false;
  for (const auto [key, value] : dom::object(LEAM_TRY(parse(line, where)))) {
    if (key == "id") {
      LEAM_TRY(read_text(value, key, where, d.id));
      has_id = !d.id.empty();
    } else if (key == "text") {
      LEAM_TRY(read_text(value, key, where, d.text));
      has_text = !value.is_null();
    } else if (key == "source") {
      LEAM_TRY(read_text(value, key, where, d.source));
    } else if (key == "created") {
      LEAM_TRY(read_text(value, key, where, d.created));
    } else if (key == "added") {
      LEAM_TRY(read_text(value, key, where, d.added));
    } else if (key == "metadata") {
      if (value.is_null()) continue;
      dom::object metadata;
      if (value.get(metadata) != simdjson::SUCCESS) return broken(where, "\"metadata\" must be an object");
      for (const auto [name, member] : metadata) LEAM_TRY(read_member(name, member, where, d));
    } else {
      LEAM_TRY(read_member(key, value, where, d));
    }
  }
  if (!has_id) return broken(where, "a document needs an \"id\"");
  if (!has_text) return broken(where, "a document needs a \"text\"");
  return d;
}

Result<Drop> drop_from_line(std::string_view line, std::string_view where) {
  Drop d;
  for (const auto [key, value] : dom::object(LEAM_TRY(parse(line, where)))) {
    if (key == "id") {
      LEAM_TRY(read_text(value, key, where, d.id));
    } else if (key == "url") {
      LEAM_TRY(read_text(value, key, where, d.url));
    } else if (key == "lang") {
      LEAM_TRY(read_text(value, key, where, d.lang));
    } else if (key == "stage") {
      LEAM_TRY(read_text(value, key, where, d.stage));
    } else if (key == "rule") {
      LEAM_TRY(read_text(value, key, where, d.rule));
    } else if (key == "value") {
      LEAM_TRY(read_number(value, key, where, d.value));
    } else if (key == "threshold") {
      LEAM_TRY(read_number(value, key, where, d.threshold));
    } else if (key == "chars") {
      if (value.get(d.chars) != simdjson::SUCCESS)
        return broken(where, "\"chars\" must be a whole number of 0 or more");
    } else if (key == "detail") {
      LEAM_TRY(read_text(value, key, where, d.detail));
    }
  }
  if (d.stage.empty() || d.rule.empty()) return broken(where, "a drop needs \"stage\" and \"rule\"");
  return d;
}

}  // namespace leam::artifact
