#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/http/client.h"
#include "base/http/server.h"

namespace leam::http {
namespace {

// A socket without manners.
class Raw {
 public:
  explicit Raw(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
  }
  ~Raw() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // Everything until the other end closes, `until` has been seen, or `ms` have passed without a byte.
  std::string read(std::string_view until = "", int ms = 3000) {
    std::string all;
    char piece[4096];
    pollfd p{fd_, POLLIN, 0};
    while (until.empty() || all.find(until) == all.npos) {
      if (::poll(&p, 1, ms) <= 0) return all + "<timeout>";
      const ssize_t n = ::recv(fd_, piece, sizeof piece, 0);
      if (n <= 0) return all + "<closed>";
      all.append(piece, static_cast<size_t>(n));
    }
    return all;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

void echo(const std::shared_ptr<Exchange>& x) {
  const Request& r = x->request();
  x->respond({.type = "text/plain", .body = r.method + " " + r.path + "?" + r.query + " " + r.body});
}

std::unique_ptr<Server> serve(Handler handler, Limits limits = {}) {
  auto server = Server::start({.limits = limits}, std::move(handler));
  EXPECT_TRUE(server.ok()) << server.error().message();
  return std::move(*server);
}

template <class F>
bool soon(F f) {
  for (int i = 0; i < 300; ++i) {
    if (f()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(Http, AnswersOverOneConnection) {
  auto server = serve(echo);
  EXPECT_EQ(server->address(), fmt::format("http://127.0.0.1:{}", server->port()));
  Client client("127.0.0.1", server->port());
  for (int i = 0; i < 3; ++i) {
    const auto r = client.send("POST", "/a/b?c=d", fmt::format("body {}", i));
    ASSERT_TRUE(r.ok()) << r.error().message();
    EXPECT_EQ(r->status, 200);
    EXPECT_EQ(r->body, fmt::format("POST /a/b?c=d body {}", i));
    EXPECT_EQ(find_header(r->headers, "content-TYPE"), "text/plain");
  }
  const auto head = client.send("HEAD", "/x");
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(find_header(head->headers, "Content-Length"), "9");
  EXPECT_EQ(server->stats().connections_total, 1u);
  EXPECT_EQ(server->stats().requests_total, 4u);
}

TEST(Http, StreamsPiecesAsTheyCome) {
  auto server = serve([](std::shared_ptr<Exchange> x) {
    x->begin({.type = "text/event-stream", .body = ""});
    for (int i = 0; i < 100; ++i) x->send(fmt::format("{},", i));
    x->finish();
  });
  Client client("127.0.0.1", server->port());
  for (int round = 0; round < 2; ++round) {
    const auto r = client.send("GET", "/");
    ASSERT_TRUE(r.ok()) << r.error().message();
    EXPECT_TRUE(r->body.starts_with("0,1,2,") && r->body.ends_with(",99,")) << r->body;
  }
  EXPECT_EQ(server->stats().connections_total, 1u);
  // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
  Raw old(server->port());
  old.write("GET / HTTP/1.0\r\n\r\n");
  const std::string all = old.read();
  EXPECT_EQ(all.find("chunked"), all.npos);
  EXPECT_TRUE(all.ends_with("\r\n\r\n" + all.substr(all.find("0,1,2")))) << all;
  EXPECT_TRUE(all.ends_with(",99,<closed>")) << all;
}

TEST(Http, AnswersPipelinedRequestsInOrder) {
  auto server = serve([](std::shared_ptr<Exchange> x) {
    std::this_thread::sleep_for(std::chrono::milliseconds(x->request().path == "/1" ? 50 : 0));
    echo(x);
  });
  Raw raw(server->port());
  std::string many;
  for (int i = 1; i <= 20; ++i)
    many += fmt::format("POST /{} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", i);
  raw.write(many);
  const std::string all = raw.read("POST /20? hi");
  size_t at = 0;
  for (int i = 1; i <= 20; ++i) {
    at = all.find(fmt::format("POST /{}? hi", i), at);
    ASSERT_NE(at, all.npos) << i << all;
  }
}

TEST(Http, TakesBodiesHoweverTheyAreCut) {
  auto server = serve(echo);
  Raw raw(server->port());
  const std::string chunked =
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n";
  for (const char c : chunked) {
    raw.write({&c, 1});
    if (c == '\n') std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_NE(raw.read("abcdefg").find("200 OK"), std::string::npos);
  raw.write("POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(raw.read("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  raw.write("later");
  EXPECT_NE(raw.read("later").find("POST /e? later"), std::string::npos);
}

TEST(Http, RefusesWhatIsTooLongOrBroken) {
  auto server = serve(echo, {.header_bytes = 1000, .body_bytes = 100});
  const auto answer = [&](const std::string& bytes) {
    Raw raw(server->port());
    raw.write(bytes);
    return raw.read();
  };
  EXPECT_TRUE(
      answer("GET / HTTP/1.1\r\nHost: " + std::string(5000, 'x') + "\r\n\r\n").starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(
      answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n")
                  .starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(
      answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(
      answer("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + std::string(255, 'x'))
          .starts_with("HTTP/1.1 413 "));
  // Two lengths: what a proxy and a server read differently is how requests are smuggled.
  EXPECT_TRUE(
      answer(
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG")
          .starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef")
                  .starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(answer("\x16\x03\x01\x02 TLS hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(answer("GET / HTTP/3.7\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(server->stats().responses_2xx, 0u);
  // Much more than the limit, all of it sent: the refusal arrives all the same.
  EXPECT_TRUE(
      answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'x'))
          .starts_with("HTTP/1.1 413 "));
}

TEST(Http, EndsSlowClients) {
  auto server = serve(echo, {.header_seconds = 0.4, .body_seconds = 0.4, .idle_seconds = 0.4});
  const auto begin = std::chrono::steady_clock::now();
  Raw head(server->port()), body(server->port()), idle(server->port()), silent(server->port());
  body.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n");
  idle.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 12; ++i) {
    head.write("G");  // a byte now and then does not buy time
    body.write("b");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(head.read().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(body.read().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(idle.read().ends_with("GET /? <closed>"));
  EXPECT_EQ(silent.read(), "<closed>");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Http, TellsWhenTheClientLeaves) {
  std::atomic<int> gone{0};
  std::mutex mutex;
  std::vector<std::shared_ptr<Exchange>> kept;
  auto server = serve([&](std::shared_ptr<Exchange> x) {
    x->on_gone([&gone] { ++gone; });
    if (x->request().path == "/stream") {
      x->begin({.body = "first"});
    }
    const std::lock_guard lock(mutex);
    kept.push_back(std::move(x));
  });
  {
    Raw a(server->port()), b(server->port());
    a.write("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    b.write("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    a.read("first");
    EXPECT_TRUE(soon([&] {
      const std::lock_guard lock(mutex);
      return kept.size() == 2;
    }));
    EXPECT_EQ(gone, 0);
  }
  EXPECT_TRUE(soon([&] { return gone == 2; }));
  const std::lock_guard lock(mutex);
  for (auto& x : kept) {
    EXPECT_TRUE(x->gone());
    bool told = false;
    x->on_gone([&] { told = true; });
    EXPECT_TRUE(told);
  }
  kept[0]->request().path == "/stream" ? kept[0]->send("nobody hears") : kept[1]->send("nobody hears");
  EXPECT_EQ(server->stats().gone_total, 2u);
}

TEST(Http, EndsAStreamNobodyReads) {
  std::atomic<bool> gone{false};
  auto server = serve(
      [&](std::shared_ptr<Exchange> x) {
        x->begin({.body = ""});
        for (int i = 0; i < 2000 && !x->gone(); ++i) {
          x->send(std::string(16384, 'x'));
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        gone = x->gone();
        x->finish();
      },
      {.unread_bytes = 1u << 20});
  Raw raw(server->port());
  raw.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(soon([&] { return gone.load(); }));
}

TEST(Http, AnswersWhenTheHandlerDoesNot) {
  auto server = serve([](std::shared_ptr<Exchange> x) {
    if (x->request().path == "/throw") throw std::runtime_error("secret detail");
    if (x->request().path == "/half") x->begin({.body = "half"});
  });
  Client client("127.0.0.1", server->port(), 3);
  for (const char* path : {"/throw", "/forget"}) {
    const auto r = client.send("GET", path);
    ASSERT_TRUE(r.ok()) << r.error().message();
    EXPECT_EQ(r->status, 500);
    EXPECT_EQ(r->body.find("secret"), std::string::npos);
  }
  EXPECT_FALSE(client.send("GET", "/half").ok());
  EXPECT_TRUE(client.send("GET", "/forget").ok());
}

TEST(Http, RefusesOneConnectionTooMany) {
  auto server = serve(echo, {.connections = 2});
  Raw a(server->port()), b(server->port());
  ASSERT_TRUE(soon([&] { return server->stats().connections_open == 2; }));
  Raw c(server->port());
  EXPECT_TRUE(c.read().starts_with("HTTP/1.1 503 "));
  a.write("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(a.read("/a").find("200 OK"), std::string::npos);
  b.close();
  EXPECT_TRUE(soon([&] { return server->stats().connections_open == 1; }));
  Raw d(server->port());
  d.write("GET /d HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(d.read("/d").find("200 OK"), std::string::npos);
}

TEST(Http, DrainsWhatRunsAndTakesNothingNew) {
  std::atomic<bool> started{false}, release{false};
  auto server = serve([&](std::shared_ptr<Exchange> x) {
    started = true;
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    echo(x);
  });
  Raw idle(server->port()), busy(server->port());
  busy.write("GET /busy HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(soon([&] { return started.load(); }));
  EXPECT_FALSE(server->drain(0.1));
  EXPECT_EQ(idle.read(), "<closed>");
  Client late("127.0.0.1", server->port(), 1);
  EXPECT_FALSE(late.send("GET", "/late").ok());
  release = true;
  EXPECT_TRUE(server->drain(5));
  const std::string answer = busy.read();
  EXPECT_NE(answer.find("Connection: close"), answer.npos) << answer;
  EXPECT_TRUE(answer.ends_with("GET /busy? <closed>")) << answer;
}

TEST(Http, ExchangesMayOutliveTheServer) {
  std::shared_ptr<Exchange> kept;
  std::atomic<bool> have{false};
  {
    auto server = serve([&](std::shared_ptr<Exchange> x) {
      kept = std::move(x);
      have = true;
    });
    Raw raw(server->port());
    raw.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(soon([&] { return have.load(); }));
  }
  EXPECT_TRUE(kept->gone());
  kept->respond({.body = "too late"});
}

TEST(Http, SaysWhyItCannotListen) {
  auto first = serve(echo);
  const auto second = Server::start({.port = first->port()}, echo);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message().find("cannot listen on 127.0.0.1 port"), std::string::npos);
  EXPECT_FALSE(Server::start({.host = "example.invalid"}, echo).ok());
}

TEST(Http, ManyClientsAtOnce) {
  auto server = serve(echo);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Client client("127.0.0.1", server->port());
      for (int i = 0; i < 50; ++i) {
        const std::string body = fmt::format("{}-{}", t, i);
        const auto r = client.send("POST", "/", body);
        if (r.ok() && r->body == "POST /? " + body) ++right;
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(right, 400);
}

}  // namespace
}  // namespace leam::http
