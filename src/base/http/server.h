// An HTTP/1.1 server for an API: whole answers and streams, limits on everything a client controls,
// orderly end. It speaks plain HTTP; TLS is the work of a reverse proxy in front of it (docs/serve.md).
//
//   auto server = LEAM_TRY(Server::start({.port = 0}, [](std::shared_ptr<Exchange> x) {
//     x->respond({.body = "{}"});
//   }));
//   server->address();         // "http://127.0.0.1:40123"
//   server->drain(30);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/core/result.h"
#include "base/http/message.h"

namespace leam::http {

struct Limits {
  size_t header_bytes = 16u << 10;  // request line and headers together; more is 431
  size_t body_bytes = 1u << 20;     // more is 413
  size_t unread_bytes = 4u << 20;   // of a stream its client does not read; more ends the connection
  double header_seconds = 10;  // from the first byte of a request (or the connection) to its headers' end
  double body_seconds = 30;    // for the rest of the request
  double idle_seconds = 75;    // between two requests of a connection
  double write_seconds = 30;   // without a byte taken by the client
  int connections = 512;       // more are answered 503 and closed
  int requests_per_connection = 10'000;
};

// One request being answered. Every method may be called from any thread; nothing blocks. Calls after the
// client has gone do nothing. An Exchange dropped without an answer answers 500 (or breaks the stream off,
// so that the client sees it is not whole).
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;

  // The whole answer, once.
  virtual void respond(Response response) = 0;

  // An answer in pieces: begin once, send as they come, finish once. `response.body` is the first piece.
  virtual void begin(Response response) = 0;
  virtual void send(std::string bytes) = 0;
  virtual void finish() = 0;

  // The client closed the connection (or stopped reading) before the answer was complete.
  virtual bool gone() const = 0;
  // Called at most once, when that happens, at once if it has happened; must be quick. Never called after
  // the answer is complete.
  virtual void on_gone(std::function<void()> callback) = 0;
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address of this machine; "::1", "0.0.0.0"
  uint16_t port = 0;               // 0: any free one
  Limits limits = {};
  int handler_threads = 2;
  std::string name = "leam";  // Server header
  // How the server's own refusals look (400, 408, 413, 431, 500, 503); by default {"error": what}.
  std::function<Response(int status, std::string_view what)> refusal = {};
};

struct ServerStats {
  uint64_t connections_open = 0, connections_total = 0, connections_refused = 0;
  uint64_t requests_total = 0;
  uint64_t responses_2xx = 0, responses_4xx = 0, responses_5xx = 0;
  uint64_t gone_total = 0;  // clients that left before their answer was complete
};

class Server {
 public:
  // Listening when it returns. `handler` is called on one of `handler_threads` threads, may block there, and
  // may keep the exchange to answer later from elsewhere. What it throws is answered 500.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  virtual ~Server() = default;  // closes every connection at once

  virtual std::string address() const = 0;  // "http://host:port" as bound
  virtual uint16_t port() const = 0;
  virtual ServerStats stats() const = 0;

  // Accepts nothing new, closes idle connections, lets requests that have arrived be answered, and returns
  // true when all are done, false when `seconds` were not enough (the rest stays open until destruction).
  virtual bool drain(double seconds) = 0;
};

}  // namespace leam::http
