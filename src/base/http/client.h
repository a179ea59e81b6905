// A blocking HTTP/1.1 client for one peer: for tests and for leam's own calls to its servers. No TLS.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/core/result.h"
#include "base/http/message.h"

namespace leam::http {

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

class Client {
 public:
  // Connects at the first request and again whenever the connection was closed.
  Client(std::string host, uint16_t port, double timeout_seconds = 30);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // An error when no whole answer came (kUnavailable: could not connect; kIo: broken off or too slow).
  Result<ClientResponse> send(std::string_view method, std::string_view target, std::string body = "",
                              const Headers& headers = {});
  // The same, with the body's pieces as they arrive; a piece for which `on_piece` returns false closes the
  // connection and ends the call without error.
  Result<ClientResponse> stream(std::string_view method, std::string_view target, std::string body,
                                const Headers& headers,
                                const std::function<bool(std::string_view)>& on_piece);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leam::http
