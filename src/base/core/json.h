// JSON for everything that is not bulk data: manifests, records, the API. (Bulk documents go through
// simdjson in base/artifact.) Objects keep the order in which their members were added.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/core/result.h"

namespace leam {

namespace json = boost::json;

// `where` names the file or request in the error, with the offset of the fault. Depth is bounded (32).
Result<json::value> parse_json(std::string_view text, std::string_view where);

// For people: two spaces of indentation, arrays of plain numbers on one line, newline at the end.
std::string pretty_json(const json::value& value);

// Members with a type check; the error names the member and `where`.
Result<std::string> json_string(const json::object& o, std::string_view key, std::string_view where);
Result<int64_t> json_int(const json::object& o, std::string_view key, std::string_view where);
Result<double> json_number(const json::object& o, std::string_view key, std::string_view where);

}  // namespace leam
