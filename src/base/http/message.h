// What travels over HTTP, as values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leam::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The value of the first header of that name, whatever its case; empty when there is none.
std::string_view find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method;  // upper case
  std::string path;    // "/v1/models", as sent (no percent-decoding), without the query
  std::string query;   // what follows '?'
  Headers headers;
  std::string body;
  std::string peer;  // address of the other end
};

struct Response {
  int status = 200;
  std::string type = "application/json";  // Content-Type
  std::string body = {};
  Headers headers = {};  // further ones
};

// "Not Found"; empty for a status nobody has named.
std::string_view reason_phrase(int status);

}  // namespace leam::http
