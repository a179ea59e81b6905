#include "base/http/client.h"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace leam::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

constexpr uint64_t kBodyLimit = 256u << 20;

}  // namespace

struct Client::State {
  std::string host;
  uint16_t port;
  std::chrono::duration<double> timeout;
  asio::io_context io;
  std::optional<beast::tcp_stream> stream;
  beast::flat_buffer buffer;

  // Runs one asynchronous operation to its end.
  template <class Start>
  boost::system::error_code wait(Start start) {
    boost::system::error_code result;
    stream->expires_after(std::chrono::duration_cast<std::chrono::nanoseconds>(timeout));
    start([&result](const boost::system::error_code& error, auto&&...) { result = error; });
    io.restart();
    io.run();
    return result;
  }

  Error failed(ErrorCode code, std::string_view what, const boost::system::error_code& error) const {
    return {code, "http.client", fmt::format("{} {}:{}: {}", what, host, port, error.message())};
  }

  Result<void> connect() {
    if (stream) return {};
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
    if (error) return failed(ErrorCode::kInvalid, "not an IP address:", error);
    stream.emplace(io);
    buffer.clear();
    error = wait([&](auto done) { stream->async_connect(tcp::endpoint(address, port), done); });
    if (error) {
      stream.reset();
      return failed(ErrorCode::kUnavailable, "cannot connect to", error);
    }
    stream->socket().set_option(tcp::no_delay(true), error);
    return {};
  }

  Error broken(std::string_view what, const boost::system::error_code& error) {
    stream.reset();
    return failed(ErrorCode::kIo, what, error);
  }
};

Client::Client(std::string host, uint16_t port, double timeout_seconds) : state_(std::make_unique<State>()) {
  state_->host = std::move(host);
  state_->port = port;
  state_->timeout = std::chrono::duration<double>(timeout_seconds);
}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<ClientResponse> Client::send(std::string_view method, std::string_view target, std::string body,
                                    const Headers& headers) {
  std::string all;
  auto response = LEAM_TRY(stream(method, target, std::move(body), headers, [&](std::string_view piece) {
    all.append(piece);
    return true;
  }));
  response.body = std::move(all);
  return response;
}

Result<ClientResponse> Client::stream(std::string_view method, std::string_view target, std::string body,
                                      const Headers& headers,
                                      const std::function<bool(std::string_view)>& on_piece) {
  State& s = *state_;
  LEAM_TRY(s.connect());

  beast::http::request<beast::http::string_body> request;
  request.version(11);
  request.method_string({method.data(), method.size()});
  request.target({target.data(), target.size()});
  request.set(beast::http::field::host, fmt::format("{}:{}", s.host, s.port));
  for (const auto& [name, value] : headers) request.set(name, value);
  request.body() = std::move(body);
  request.prepare_payload();
  auto error = s.wait([&](auto done) { beast::http::async_write(*s.stream, request, done); });
  if (error) return s.broken("sending to", error);

  beast::http::response_parser<beast::http::buffer_body> parser;
  parser.body_limit(kBodyLimit);
  parser.skip(method == "HEAD");
  error = s.wait([&](auto done) { beast::http::async_read_header(*s.stream, s.buffer, parser, done); });
  if (error) return s.broken("no answer from", error);
  ClientResponse response;
  response.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get()) {
    response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  char piece[16u << 10];
  while (!parser.is_done()) {
    parser.get().body().data = piece;
    parser.get().body().size = sizeof piece;
    parser.get().body().more = true;
    error = s.wait([&](auto done) { beast::http::async_read_some(*s.stream, s.buffer, parser, done); });
    if (error == beast::http::error::need_buffer) error = {};
    if (error) return s.broken("answer broken off by", error);
    const std::string_view got(piece, sizeof piece - parser.get().body().size);
    if (!got.empty() && !on_piece(got)) {
      s.stream.reset();
      return response;
    }
  }
  if (!parser.keep_alive()) s.stream.reset();
  return response;
}

}  // namespace leam::http
