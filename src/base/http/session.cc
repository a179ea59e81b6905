#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <ctime>

#include "base/http/session_internal.h"

namespace leam::http {
namespace {

// Bytes of later requests that wait while one is answered; beyond that the client has to wait.
constexpr size_t kPipelineBytes = 64u << 10;
constexpr size_t kReadBytes = 16u << 10;  // also the size up to which pieces to send are joined
constexpr auto kLinger = std::chrono::milliseconds(1500);

Clock::time_point after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm tm{};
  ::gmtime_r(&now, &tm);
  char text[40];
  const size_t n = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  return {text, n};
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  bug_if(name.find_first_of("\r\n:") != name.npos || value.find_first_of("\r\n") != value.npos,
         "response header with a line break");
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

Session::Session(std::shared_ptr<Core> core, asio::ip::tcp::socket socket, std::string peer)
    : core_(std::move(core)), socket_(std::move(socket)), peer_(std::move(peer)) {}

void Session::start() {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  read_deadline_ = after(core_->options.limits.header_seconds);
  read();
}

void Session::refuse_busy() {
  core_->refused.fetch_add(1, std::memory_order_relaxed);
  start();
  refuse(503, "too many connections; try again later");
}

// ---- reading

void Session::read() {
  if (reading_ || state_ == State::kClosed) return;
  if (state_ == State::kAnswering && buffer_.size() >= kPipelineBytes) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(incoming_),
                          [self = shared_from_this()](const boost::system::error_code& error, size_t bytes) {
                            self->on_read(error, bytes);
                          });
}

void Session::on_read(const boost::system::error_code& error, size_t bytes) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (error) {
    lost();
    return;
  }
  if (state_ == State::kLinger) {
    buffer_.clear();
    read();
    return;
  }
  std::memcpy(buffer_.prepare(bytes).data(), incoming_.data(), bytes);
  buffer_.commit(bytes);
  consume();
}

void Session::consume() {
  while (state_ == State::kIdle || state_ == State::kHead || state_ == State::kBody) {
    if (state_ == State::kIdle) {
      if (buffer_.size() == 0) break;
      if (serial_ > 0) read_deadline_ = after(core_->options.limits.header_seconds);
      parser_.emplace();
      parser_->header_limit(static_cast<uint32_t>(core_->options.limits.header_bytes));
      parser_->body_limit(core_->options.limits.body_bytes);
      parser_->eager(false);
      state_ = State::kHead;
    }
    if (!parse()) break;
    dispatch();
  }
  read();
}

bool Session::parse() {
  while (!parser_->is_done()) {
    boost::system::error_code error;
    // A blank buffer would make the parser see the end of a message that has no length.
    if (buffer_.size() == 0) return false;
    const size_t used = parser_->put(buffer_.data(), error);
    buffer_.consume(used);
    if (error == beast::http::error::need_more) {
      // The parser wants more than is there; what it used is gone from the buffer.
      return false;
    }
    if (error == beast::http::error::header_limit) {
      refuse(431,
             fmt::format("request headers are longer than {} bytes", core_->options.limits.header_bytes));
      return false;
    }
    if (error == beast::http::error::body_limit) {
      refuse(413, fmt::format("request body is longer than {} bytes", core_->options.limits.body_bytes));
      return false;
    }
    if (error) {
      refuse(400, "malformed HTTP request: " + error.message());
      return false;
    }
    if (state_ == State::kHead && parser_->is_header_done()) {
      state_ = State::kBody;
      read_deadline_ = after(core_->options.limits.body_seconds);
      const auto& head = parser_->get();
      if (head.version() != 10 && head.version() != 11) {
        refuse(400, "only HTTP/1.0 and HTTP/1.1 are spoken here");
        return false;
      }
      parser_->eager(true);
      if (!parser_->is_done() && beast::iequals(head[beast::http::field::expect], "100-continue")) {
        enqueue("HTTP/1.1 100 Continue\r\n\r\n");
      }
    }
  }
  return true;
}

void Session::dispatch() {
  auto message = parser_->release();
  parser_.reset();
  Request request;
  request.method = std::string(message.method_string());
  const std::string_view target(message.target().data(), message.target().size());
  const size_t mark = target.find('?');
  request.path = std::string(target.substr(0, mark));
  if (mark != target.npos) request.query = std::string(target.substr(mark + 1));
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.body = std::move(message.body());
  request.peer = peer_;

  ++serial_;
  ++requests_;
  core_->requests.fetch_add(1, std::memory_order_relaxed);
  http10_ = message.version() == 10;
  keep_alive_ = message.keep_alive() && requests_ < core_->options.limits.requests_per_connection;
  head_only_ = message.method() == beast::http::verb::head;
  complete_ = begun_ = false;
  state_ = State::kAnswering;
  read_deadline_ = Clock::time_point::max();

  auto turn = std::make_shared<Turn>(core_, shared_from_this(), serial_, std::move(request));
  turn_ = turn;
  asio::post(core_->pool, [core = core_.get(), turn = std::move(turn)]() mutable {
    try {
      core->handler(turn);
    } catch (const std::exception& e) {
      // The boundary of a request: a bug in answering one must not end the others. A second answer to a
      // request that has one is itself a bug; then there is nothing left to say.
      try {
        turn->respond(core->options.refusal(500, "internal error"));
      } catch (const std::exception&) {
      }
    }
  });
}

// ---- answering

void Session::begin(uint64_t serial, Response response, bool whole) {
  if (serial != serial_ || state_ != State::kAnswering) return;
  begun_ = true;
  write_head(response, whole, head_only_);
  if (!whole) send(serial, std::move(response.body));
  if (whole) {
    complete_ = true;
    if (!writing_) answered();
  }
}

void Session::send(uint64_t serial, std::string bytes) {
  if (serial != serial_ || state_ != State::kAnswering || complete_ || head_only_ || bytes.empty()) return;
  if (chunked_) {
    std::string framed = fmt::format("{:x}\r\n", bytes.size());
    framed.append(bytes).append("\r\n");
    enqueue(std::move(framed));
  } else {
    enqueue(std::move(bytes));
  }
  if (out_bytes_ > core_->options.limits.unread_bytes) lost();
}

void Session::finish(uint64_t serial) {
  if (serial != serial_ || state_ != State::kAnswering || complete_) return;
  if (chunked_ && !head_only_) enqueue("0\r\n\r\n");
  complete_ = true;
  if (!writing_) answered();
}

void Session::abandon(uint64_t serial) {
  if (serial != serial_ || state_ != State::kAnswering || complete_) return;
  if (begun_) {
    close();  // without the last chunk: the client sees that it is not whole
  } else {
    begin(serial, core_->options.refusal(500, "the request was not answered"), true);
  }
}

void Session::refuse(int status, std::string_view what) {
  ++serial_;
  keep_alive_ = false;
  state_ = State::kAnswering;
  complete_ = false;
  head_only_ = false;
  read_deadline_ = Clock::time_point::max();
  begin(serial_, core_->options.refusal(status, what), true);
}

void Session::write_head(const Response& response, bool whole, bool head_only) {
  auto& counter = response.status >= 500   ? core_->server_errors
                  : response.status >= 400 ? core_->client_errors
                                           : core_->ok;
  counter.fetch_add(1, std::memory_order_relaxed);
  if (core_->draining) keep_alive_ = false;
  chunked_ = !whole && !http10_;
  if (!whole && http10_) keep_alive_ = false;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  append_header(head, "Server", core_->options.name);
  append_header(head, "Date", http_date());
  if (!response.type.empty()) append_header(head, "Content-Type", response.type);
  for (const auto& [name, value] : response.headers) append_header(head, name, value);
  if (whole) append_header(head, "Content-Length", std::to_string(response.body.size()));
  if (chunked_) append_header(head, "Transfer-Encoding", "chunked");
  append_header(head, "Connection", keep_alive_ ? "keep-alive" : "close");
  head += "\r\n";
  if (whole && !head_only) head += response.body;
  enqueue(std::move(head));
}

void Session::enqueue(std::string bytes) {
  out_bytes_ += bytes.size();
  out_.push_back(std::move(bytes));
  write();
}

void Session::write() {
  if (writing_ || out_.empty() || state_ == State::kClosed) return;
  if (out_bytes_ > 0 && write_deadline_ == Clock::time_point::max()) {
    write_deadline_ = after(core_->options.limits.write_seconds);
  }
  writing_ = true;
  // Small pieces that have gathered go out in one call.
  while (out_.size() > 1 && out_offset_ == 0 && out_.front().size() < kReadBytes) {
    out_[0] += out_[1];
    out_.erase(out_.begin() + 1);
  }
  socket_.async_write_some(asio::buffer(out_.front().data() + out_offset_, out_.front().size() - out_offset_),
                           [self = shared_from_this()](const boost::system::error_code& error, size_t bytes) {
                             self->on_written(error, bytes);
                           });
}

void Session::on_written(const boost::system::error_code& error, size_t bytes) {
  writing_ = false;
  if (state_ == State::kClosed) return;
  if (error) {
    lost();
    return;
  }
  out_offset_ += bytes;
  out_bytes_ -= bytes;
  write_deadline_ = Clock::time_point::max();
  if (out_offset_ == out_.front().size()) {
    out_.pop_front();
    out_offset_ = 0;
  }
  if (!out_.empty()) {
    write();
  } else if (complete_ && state_ == State::kAnswering) {
    answered();
  }
}

void Session::answered() {
  turn_.reset();
  if (keep_alive_ && !core_->draining) {
    state_ = State::kIdle;
    read_deadline_ = after(core_->options.limits.idle_seconds);
    // Not from here: the caller may be in the middle of consume().
    asio::post(core_->io, [self = shared_from_this()] {
      if (self->state_ == State::kIdle) self->consume();
    });
    return;
  }
  // Read on until the client closes: closing with unread bytes would make the system throw away what
  // the client has not fetched of the answer.
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  state_ = State::kLinger;
  read_deadline_ = Clock::now() + kLinger;
  buffer_.clear();
  read();
}

// ---- ends

void Session::sweep(Clock::time_point now) {
  if (now >= write_deadline_) {
    lost();
  } else if (now >= read_deadline_) {
    if (state_ == State::kHead || state_ == State::kBody) {
      refuse(408, "the request did not arrive in time");
    } else {
      close();
    }
  }
}

void Session::drain() {
  // A connection that has never sent anything is as idle as one between two requests.
  if (state_ == State::kIdle && buffer_.size() == 0) close();
}

void Session::lost() {
  if (state_ == State::kAnswering) {
    if (const auto turn = turn_.lock(); turn && !complete_) {
      core_->gone.fetch_add(1, std::memory_order_relaxed);
      turn->client_left();
    }
  }
  close();
}

void Session::close() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kAnswering && !complete_) {
    if (const auto turn = turn_.lock()) turn->client_left();
  }
  state_ = State::kClosed;
  boost::system::error_code ignored;
  socket_.close(ignored);
  out_.clear();
  read_deadline_ = write_deadline_ = Clock::time_point::max();
  const auto self = shared_from_this();
  core_->sessions.erase(self);
  const std::lock_guard lock(core_->idle_mutex);
  core_->open = core_->sessions.size();
  if (core_->open == 0) core_->idle.notify_all();
}

// ---- the handler's side

Turn::Turn(std::shared_ptr<Core> core, std::shared_ptr<Session> session, uint64_t serial, Request request)
    : core_(std::move(core)), session_(std::move(session)), serial_(serial), request_(std::move(request)) {}

Turn::~Turn() {
  if (stage_.load(std::memory_order_acquire) == 2 || gone()) return;
  core_->post([session = session_, serial = serial_] { session->abandon(serial); });
}

void Turn::respond(Response response) {
  int expected = 0;
  bug_if(!stage_.compare_exchange_strong(expected, 2), "a request answered twice");
  on_gone(nullptr);
  core_->post([session = session_, serial = serial_, r = std::move(response)]() mutable {
    session->begin(serial, std::move(r), true);
  });
}

void Turn::begin(Response response) {
  int expected = 0;
  bug_if(!stage_.compare_exchange_strong(expected, 1), "a request answered twice");
  core_->post([session = session_, serial = serial_, r = std::move(response)]() mutable {
    session->begin(serial, std::move(r), false);
  });
}

void Turn::send(std::string bytes) {
  bug_if(stage_.load(std::memory_order_acquire) != 1, "send() outside of begin() and finish()");
  if (gone()) return;
  core_->post([session = session_, serial = serial_, b = std::move(bytes)]() mutable {
    session->send(serial, std::move(b));
  });
}

void Turn::finish() {
  int expected = 1;
  bug_if(!stage_.compare_exchange_strong(expected, 2), "finish() outside of a stream");
  on_gone(nullptr);
  core_->post([session = session_, serial = serial_] { session->finish(serial); });
}

void Turn::on_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone()) {
      on_gone_.swap(callback);
      return;  // the old one is destroyed outside of the lock's reach: it may own this very exchange
    }
  }
  if (callback) callback();
}

void Turn::client_left() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    gone_.store(true, std::memory_order_release);
    callback.swap(on_gone_);
  }
  if (callback) callback();
}

}  // namespace leam::http
