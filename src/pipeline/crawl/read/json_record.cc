#include "pipeline/crawl/read/json_record.h"

#include <simdjson.h>

#include "base/text/utf8.h"

namespace leam::crawl {

struct JsonRecordReader::State {
  simdjson::dom::parser parser;
};

JsonRecordReader::JsonRecordReader() : state_(std::make_unique<State>()) {}
JsonRecordReader::~JsonRecordReader() = default;

namespace {

// The text of the first of `names` that is there, at the top or below "metadata".
std::string_view field(const simdjson::dom::object& o, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    std::string_view value;
    if (o[name].get_string().get(value) == simdjson::SUCCESS) return value;
  }
  simdjson::dom::object metadata;
  if (o["metadata"].get_object().get(metadata) != simdjson::SUCCESS) return {};
  for (const std::string_view name : names) {
    std::string_view value;
    if (metadata[name].get_string().get(value) == simdjson::SUCCESS) return value;
  }
  return {};
}

}  // namespace

std::string JsonRecordReader::read(std::string_view line, Item& item) {
  simdjson::dom::element root;
  const auto code = state_->parser.parse(line.data(), line.size(), true).get(root);
  if (code != simdjson::SUCCESS) return std::string("not JSON: ") + simdjson::error_message(code);
  simdjson::dom::object o;
  if (root.get_object().get(o) != simdjson::SUCCESS) return "not a JSON object";
  std::string_view text;
  if (o["text"].get_string().get(text) == simdjson::SUCCESS) {
    item.kind = Item::Kind::kText;
  } else {
    bool found = false;
    for (const std::string_view name : {"html", "content", "raw_content", "raw_html"}) {
      if (o[name].get_string().get(text) == simdjson::SUCCESS) {
        found = true;
        break;
      }
    }
    if (!found) return "neither text nor html nor content in the record";
    item.kind = Item::Kind::kDecoded;
  }
  item.bytes = std::string(text);
  item.raw = line.size();
  item.hints.url = std::string(field(o, {"url", "URL", "uri"}));
  const std::string_view id = field(o, {"id", "_id"});
  item.locator = !id.empty() ? std::string(id) : item.hints.url;
  item.title = std::string(field(o, {"title"}));
  item.created = std::string(field(o, {"created", "date"}));
  item.added = std::string(field(o, {"added"}));
  item.licence = std::string(field(o, {"licence", "license"}));
  item.lang = std::string(field(o, {"lang", "language"}));
  return "";
}

}  // namespace leam::crawl
