#include "base/core/json.h"

#include <fmt/format.h>

#include <algorithm>

namespace leam {
namespace {

void print(std::string& out, const json::value& v, size_t indent) {
  const std::string pad(indent + 2, ' ');
  if (v.is_object() && !v.get_object().empty()) {
    out += "{\n";
    bool first = true;
    for (const auto& [key, member] : v.get_object()) {
      if (!first) out += ",\n";
      first = false;
      out += pad + json::serialize(json::string_view(key)) + ": ";
      print(out, member, indent + 2);
    }
    out += "\n" + std::string(indent, ' ') + "}";
  } else if (v.is_array() && std::any_of(v.get_array().begin(), v.get_array().end(),
                                         [](const json::value& e) { return e.is_structured(); })) {
    out += "[\n";
    bool first = true;
    for (const json::value& e : v.get_array()) {
      if (!first) out += ",\n";
      first = false;
      out += pad;
      print(out, e, indent + 2);
    }
    out += "\n" + std::string(indent, ' ') + "]";
  } else if (v.is_array()) {
    out += "[";
    bool first = true;
    for (const json::value& e : v.get_array()) {
      if (!first) out += ", ";
      first = false;
      print(out, e, indent + 2);
    }
    out += "]";
  } else if (v.is_double()) {
    // The shortest form that reads back to the same number; Boost writes 1E0 for 1.0.
    out += fmt::format("{}", v.get_double());
  } else {
    out += json::serialize(v);
  }
}

Error wrong(std::string_view where, std::string_view key, std::string_view wanted) {
  return Error(ErrorCode::kInvalid, "core.json", fmt::format("{}: \"{}\" must be {}", where, key, wanted));
}

}  // namespace

Result<json::value> parse_json(std::string_view text, std::string_view where) {
  json::error_code ec;
  json::stream_parser parser;
  const size_t used = parser.write_some(text.data(), text.size(), ec);
  if (!ec) parser.finish(ec);
  if (ec) {
    return Error(ErrorCode::kCorrupt, "core.json",
                 fmt::format("{} is not valid JSON: {} at byte {}", where, ec.message(), used));
  }
  const std::string_view rest = text.substr(used);
  if (rest.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    return Error(ErrorCode::kCorrupt, "core.json",
                 fmt::format("{} is not valid JSON: more text after the value at byte {}", where, used));
  }
  return parser.release();
}

std::string pretty_json(const json::value& value) {
  std::string out;
  print(out, value, 0);
  out += '\n';
  return out;
}

Result<std::string> json_string(const json::object& o, std::string_view key, std::string_view where) {
  const json::value* v = o.if_contains(key);
  if (v == nullptr || !v->is_string()) return wrong(where, key, "a string");
  return std::string(v->get_string());
}

Result<int64_t> json_int(const json::object& o, std::string_view key, std::string_view where) {
  const json::value* v = o.if_contains(key);
  json::error_code ec;
  if (v == nullptr || !v->is_number()) return wrong(where, key, "a whole number");
  const auto n = v->to_number<int64_t>(ec);
  if (ec) return wrong(where, key, "a whole number");
  return n;
}

Result<double> json_number(const json::object& o, std::string_view key, std::string_view where) {
  const json::value* v = o.if_contains(key);
  json::error_code ec;
  if (v == nullptr || !v->is_number()) return wrong(where, key, "a number");
  const auto n = v->to_number<double>(ec);
  if (ec) return wrong(where, key, "a number");
  return n;
}

}  // namespace leam
