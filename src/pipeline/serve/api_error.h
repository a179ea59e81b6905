// What goes wrong in a request, in the form OpenAI's clients turn into exceptions:
//   {"error": {"message": …, "type": …, "param": …, "code": …}}
#pragma once

#include <string>

#include "base/http/message.h"

namespace leam::serve {

struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::string param = {};  // the field, if it is one's fault
  std::string code = {};
};

http::Response to_response(const ApiError& error);
std::string error_body(const ApiError& error);

ApiError bad_field(std::string param, std::string message, std::string code = "");
ApiError server_error(int status, std::string message);

}  // namespace leam::serve
