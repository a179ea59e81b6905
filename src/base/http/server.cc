#include "base/http/server.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include "base/http/session_internal.h"

namespace leam::http {
namespace {

using tcp = asio::ip::tcp;
constexpr auto kSweep = std::chrono::milliseconds(100);

std::string json_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

Response plain_refusal(int status, std::string_view what) {
  return {.status = status, .body = fmt::format("{{\"error\":\"{}\"}}", json_escaped(what))};
}

class TcpServer : public Server {
 public:
  TcpServer(ServerOptions options, Handler handler)
      : core_(std::make_shared<Core>(std::move(options), std::move(handler))),
        acceptor_(core_->io),
        sweeper_(core_->io),
        backoff_(core_->io) {}

  ~TcpServer() override {
    core_->post([this] { close_all(); });
    {
      const std::lock_guard lock(core_->post_mutex);
      core_->ended = true;
    }
    work_.reset();
    if (thread_.joinable()) thread_.join();
    core_->pool.join();
  }

  Result<void> listen() {
    const ServerOptions& o = core_->options;
    boost::system::error_code error;
    const auto address = asio::ip::make_address(o.host == "localhost" ? "127.0.0.1" : o.host, error);
    if (error) {
      return Error(ErrorCode::kInvalid, "http.server", fmt::format("\"{}\" is not an IP address", o.host),
                   "use 127.0.0.1 for this machine alone, 0.0.0.0 or :: for every interface");
    }
    const tcp::endpoint endpoint(address, o.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return Error(ErrorCode::kUnavailable, "http.server",
                   fmt::format("cannot listen on {} port {}: {}", o.host, o.port, error.message()),
                   "choose another port, or 0 for any free one");
    }
    const auto bound = acceptor_.local_endpoint(error);
    if (error) return Error(ErrorCode::kIo, "http.server", "local address: " + error.message());
    port_ = bound.port();
    const std::string host = bound.address().to_string();
    address_ = bound.address().is_v6() ? fmt::format("http://[{}]:{}", host, port_)
                                       : fmt::format("http://{}:{}", host, port_);
    accept();
    sweep();
    thread_ = std::thread([this] { core_->io.run(); });
    return {};
  }

  std::string address() const override { return address_; }
  uint16_t port() const override { return port_; }

  ServerStats stats() const override {
    const Core& c = *core_;
    ServerStats s;
    {
      const std::lock_guard lock(core_->idle_mutex);
      s.connections_open = c.open;
    }
    s.connections_total = c.total.load(std::memory_order_relaxed);
    s.connections_refused = c.refused.load(std::memory_order_relaxed);
    s.requests_total = c.requests.load(std::memory_order_relaxed);
    s.responses_2xx = c.ok.load(std::memory_order_relaxed);
    s.responses_4xx = c.client_errors.load(std::memory_order_relaxed);
    s.responses_5xx = c.server_errors.load(std::memory_order_relaxed);
    s.gone_total = c.gone.load(std::memory_order_relaxed);
    return s;
  }

  bool drain(double seconds) override {
    bool begun = false;
    core_->post([this, &begun] {
      core_->draining = true;
      boost::system::error_code ignored;
      acceptor_.close(ignored);
      for (const auto& s : all_sessions()) s->drain();
      const std::lock_guard lock(core_->idle_mutex);
      begun = true;
      core_->idle.notify_all();
    });
    std::unique_lock lock(core_->idle_mutex);
    core_->idle.wait(lock, [&] { return begun; });
    return core_->idle.wait_for(lock, std::chrono::duration<double>(seconds),
                                [&] { return core_->open == 0; });
  }

 private:
  std::vector<std::shared_ptr<Session>> all_sessions() const {
    return {core_->sessions.begin(), core_->sessions.end()};
  }

  void close_all() {
    core_->draining = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    sweeper_.cancel();
    backoff_.cancel();
    for (const auto& s : all_sessions()) s->close();
  }

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (core_->draining || error == asio::error::operation_aborted) return;
      if (error) {
        // Out of descriptors, most likely: what is open goes on, and we look again in a moment.
        backoff_.expires_after(kSweep);
        backoff_.async_wait([this](const boost::system::error_code& e) {
          if (!e && !core_->draining) accept();
        });
        return;
      }
      boost::system::error_code unknown;
      const auto peer = socket.remote_endpoint(unknown);
      const bool busy = core_->sessions.size() >= static_cast<size_t>(core_->options.limits.connections);
      auto session = std::make_shared<Session>(core_, std::move(socket),
                                               unknown ? std::string() : peer.address().to_string());
      core_->sessions.insert(session);
      core_->total.fetch_add(1, std::memory_order_relaxed);
      {
        const std::lock_guard lock(core_->idle_mutex);
        core_->open = core_->sessions.size();
      }
      if (busy) {
        session->refuse_busy();
      } else {
        session->start();
      }
      accept();
    });
  }

  void sweep() {
    sweeper_.expires_after(kSweep);
    sweeper_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      const auto now = Clock::now();
      for (const auto& s : all_sessions()) s->sweep(now);
      sweep();
    });
  }

  std::shared_ptr<Core> core_;
  tcp::acceptor acceptor_;
  asio::steady_timer sweeper_, backoff_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(core_->io);
  std::thread thread_;
  std::string address_;
  uint16_t port_ = 0;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  bug_if(options.handler_threads < 1, "an HTTP server needs a handler thread");
  if (!options.refusal) options.refusal = plain_refusal;
  auto server = std::make_unique<TcpServer>(std::move(options), std::move(handler));
  LEAM_TRY(server->listen());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace leam::http
