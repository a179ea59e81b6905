#include "pipeline/serve/api_error.h"

#include "base/core/json.h"

namespace leam::serve {
namespace {

json::value or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

}  // namespace

std::string error_body(const ApiError& e) {
  return json::serialize(json::object{
      {"error",
       {{"message", e.message}, {"type", e.type}, {"param", or_null(e.param)}, {"code", or_null(e.code)}}}});
}

http::Response to_response(const ApiError& e) {
  http::Response r{.status = e.status, .body = error_body(e)};
  if (e.status == 401) r.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (e.status == 429 || e.status == 503) r.headers.emplace_back("Retry-After", "1");
  return r;
}

ApiError bad_field(std::string param, std::string message, std::string code) {
  return {.status = 400, .message = std::move(message), .param = std::move(param), .code = std::move(code)};
}

ApiError server_error(int status, std::string message) {
  return {.status = status, .message = std::move(message), .type = "server_error"};
}

}  // namespace leam::serve
