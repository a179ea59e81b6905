// One connection of the server and what all connections share. Everything of a Session runs on the one
// I/O thread; an Exchange posts to it. One read is always pending, so that a client that leaves is seen at
// once; bytes that come early (pipelining) wait in the buffer for their turn.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>

#include "base/http/server.h"

namespace leam::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Clock = std::chrono::steady_clock;

class Session;

// Shared by the server, its connections and the exchanges that outlive both.
struct Core {
  Core(ServerOptions o, Handler h)
      : options(std::move(o)), handler(std::move(h)), pool(static_cast<size_t>(options.handler_threads)) {}

  // Runs `work` on the I/O thread, or never when the server has ended.
  template <class Work>
  void post(Work work) {
    const std::lock_guard lock(post_mutex);
    if (!ended) asio::post(io, std::move(work));
  }

  ServerOptions options;
  Handler handler;
  asio::io_context io{1};
  asio::thread_pool pool;
  std::mutex post_mutex;
  bool ended = false;

  // I/O thread only.
  std::unordered_set<std::shared_ptr<Session>> sessions;
  bool draining = false;

  std::mutex idle_mutex;
  std::condition_variable idle;  // no session is left
  size_t open = 0;               // guarded by idle_mutex

  std::atomic<uint64_t> total{0}, refused{0}, requests{0}, ok{0}, client_errors{0}, server_errors{0}, gone{0};
};

class Turn;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Core> core, asio::ip::tcp::socket socket, std::string peer);

  void start();
  void refuse_busy();  // one connection too many
  void sweep(Clock::time_point now);
  void drain();
  void close();  // at once

  // From the Turn, on the I/O thread. `serial` tells a late call of an earlier request.
  void begin(uint64_t serial, Response response, bool whole);
  void send(uint64_t serial, std::string bytes);
  void finish(uint64_t serial);
  void abandon(uint64_t serial);

 private:
  enum class State { kIdle, kHead, kBody, kAnswering, kLinger, kClosed };
  using Parser = beast::http::request_parser<beast::http::string_body>;

  void read();
  void on_read(const boost::system::error_code& error, size_t bytes);
  void consume();
  bool parse();  // true when a request is complete
  void dispatch();
  void refuse(int status, std::string_view what);
  void write_head(const Response& response, bool whole, bool head_only);
  void enqueue(std::string bytes);
  void write();
  void on_written(const boost::system::error_code& error, size_t bytes);
  void answered();
  void lost();

  std::shared_ptr<Core> core_;
  asio::ip::tcp::socket socket_;
  std::string peer_;
  State state_ = State::kIdle;
  std::array<char, 16u << 10> incoming_;  // the pending read's own: buffer_ may change meanwhile
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  bool reading_ = false, writing_ = false;
  Clock::time_point read_deadline_ = Clock::time_point::max(), write_deadline_ = Clock::time_point::max();
  std::deque<std::string> out_;
  size_t out_offset_ = 0, out_bytes_ = 0;
  uint64_t serial_ = 0;
  int requests_ = 0;
  std::weak_ptr<Turn> turn_;
  bool keep_alive_ = true, chunked_ = false, head_only_ = false, http10_ = false;
  bool complete_ = false;  // the answer is in out_ as a whole
  bool begun_ = false;
};

// The Exchange a handler holds.
class Turn : public Exchange {
 public:
  Turn(std::shared_ptr<Core> core, std::shared_ptr<Session> session, uint64_t serial, Request request);
  ~Turn() override;

  const Request& request() const override { return request_; }
  void respond(Response response) override;
  void begin(Response response) override;
  void send(std::string bytes) override;
  void finish() override;
  bool gone() const override { return gone_.load(std::memory_order_acquire); }
  void on_gone(std::function<void()> callback) override;

  void client_left();  // by the session

 private:
  std::shared_ptr<Core> core_;
  std::shared_ptr<Session> session_;
  uint64_t serial_;
  Request request_;
  std::atomic<bool> gone_{false};
  std::atomic<int> stage_{0};  // 0 nothing said, 1 begun, 2 complete
  std::mutex mutex_;
  std::function<void()> on_gone_;
};

}  // namespace leam::http
