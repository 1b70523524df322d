// SPDX-License-Identifier: Apache-2.0
// The HTTP client with many at once: connections kept, limits, ends, secrets.
#include "actors/courier/http_client.hpp"
#include "tests/support/http_asking.hpp"
#include "tests/support/http_peer.hpp"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <set>

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

/// Opened once, and never closed again.
class gate {
public:
  void open() {
    std::lock_guard guard{mutex_};
    open_ = true;
    changed_.notify_all();
  }

  void pass() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return open_; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

gate resolver;
gate resolver_left;

bool has(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

} // namespace

/// Stands before the C library's: a resolver that hangs for one name.
extern "C" int getaddrinfo(const char* node, const char* service,
                           const addrinfo* hints, addrinfo** result) {
  if (node != nullptr && std::string_view{node} == "hangs.test") {
    resolver.pass();
    resolver_left.open();
    return EAI_FAIL;
  }
  using function = decltype(&::getaddrinfo);
  static auto* real
    = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(node, service, hints, result);
}

TEST_SUITE_BEGIN("http_client");

TEST_CASE("a connection is kept and used again") {
  http_peer peer{http_peer::answering(200)};
  auto client = open_client();
  for (int i = 0; i < 20; ++i)
    CHECK(ask(*client, to(peer.base()))->what == outcome::accepted);
  CHECK(peer.connections() == 1);
}

TEST_CASE("a connection is kept after a refusal as well") {
  http_peer peer{http_peer::answering(503)};
  auto client = open_client();
  for (int i = 0; i < 3; ++i)
    CHECK(ask(*client, to(peer.base()))->what == outcome::refused);
  CHECK(peer.connections() == 1);
}

TEST_CASE("a kept connection that the peer has closed is replaced") {
  http_peer peer{[](auto& c) {
    c.read();
    c.reply(200);
  }};
  auto client = open_client();
  for (int i = 0; i < 20; ++i)
    CHECK(ask(*client, to(peer.base()))->what == outcome::accepted);
  CHECK(peer.connections() == 20);
}

TEST_CASE("a request that dies on a kept connection goes again, unchanged") {
  http_peer peer{[](auto& c) {
    c.read();
    if (c.number() == 1) {
      c.reply(200);
      c.read();
    } else {
      c.reply(201);
    }
  }};
  auto client = open_client();
  CHECK(ask(*client, to(peer.base()))->status == 200);
  CHECK(ask(*client, to(peer.base(), "second"))->status == 201);
  auto seen = peer.requests();
  REQUIRE(seen.size() == 3);
  CHECK(seen[1].connection == 1);
  CHECK(seen[2].connection == 2);
  CHECK(seen[1].head == seen[2].head);
  CHECK(seen[1].body == seen[2].body);
}

TEST_CASE("a late answer is not taken for the next request's") {
  http_peer peer{[](auto& c) {
    while (c.read()) {
      if (c.number() == 1 && !c.wait(350ms))
        return;
      c.reply(200, c.number() == 1 ? "late" : "fresh");
    }
  }};
  auto client = open_client();
  CHECK(ask(*client, impatient_to(peer.base()))->what == outcome::timed_out);
  CHECK(ask(*client, to(peer.base()))->body == "fresh");
  CHECK(peer.connections() == 2);
}

TEST_CASE("an answer that nobody asked for is not taken for the next one's") {
  gate go;
  gate gone;
  http_peer peer{[&](auto& c) {
    c.read();
    c.reply(200, "first");
    if (c.number() > 1)
      return;
    go.pass();
    c.reply(200, "unasked");
    gone.open();
    c.hang();
  }};
  auto client = open_client();
  CHECK(ask(*client, to(peer.base()))->body == "first");
  go.open();
  gone.pass();
  CHECK(ask(*client, to(peer.base()))->body == "first");
}

TEST_CASE("a peer that hangs delays nobody else") {
  http_peer hung{[](auto& c) { c.hang(); }};
  http_peer well{http_peer::answering(200)};
  auto client = open_client();
  std::vector<std::future<answer_ptr>> waiting;
  for (int i = 0; i < 50; ++i)
    waiting.push_back(start(*client, to(hung.base())));
  for (int i = 0; i < 50; ++i)
    CHECK(ask(*client, to(well.base()))->what == outcome::accepted);
  for (auto& x : waiting)
    CHECK(x.wait_for(0s) == std::future_status::timeout);
}

TEST_CASE("a resolver that hangs delays nobody else, and its deadline holds") {
  http_peer well{http_peer::answering(200)};
  auto client = open_client();
  auto got = ask(*client, impatient_to("http://hangs.test"));
  CHECK(got->what == outcome::unreachable);
  CHECK(has(got->detail, "no address within 200ms for http://hangs.test"));
  CHECK(ask(*client, to(well.base()))->what == outcome::accepted);
  auto open = start(*client, to("http://hangs.test"));
  client.reset();
  CHECK(has(open.get()->detail, "cancelled"));
  resolver.open();
  resolver_left.pass();
}

TEST_CASE("500 exchanges are open at once") {
  constexpr int count = 500;
  // Both ends are in this process.
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::atomic<int> arrived{0};
  gate all_here;
  http_peer peer{[&](auto& c) {
    auto got = c.read();
    if (++arrived == count)
      all_here.open();
    all_here.pass();
    c.reply(200, got->body);
  }};
  auto client = open_client();
  std::vector<std::future<answer_ptr>> waiting;
  for (int i = 0; i < count; ++i) {
    auto what = to(peer.base(), std::to_string(i));
    what.timeout = what.connect_timeout = 60s;
    waiting.push_back(start(*client, what));
  }
  for (int i = 0; i < count; ++i)
    CHECK(waiting[static_cast<std::size_t>(i)].get()->body
          == std::to_string(i));
}

TEST_CASE("exchanges beyond the limit of connections wait for a place") {
  http_client_options few;
  few.connections_max = 2;
  few.keep_alive_max = 2;
  auto client = open_client(few);
  gate go;
  http_peer peer{[&](auto& c) {
    while (c.read()) {
      go.pass();
      c.reply(200);
    }
  }};
  std::vector<std::future<answer_ptr>> waiting;
  for (int i = 0; i < 10; ++i)
    waiting.push_back(start(*client, to(peer.base())));
  // Its deadline runs while it waits.
  CHECK(ask(*client, impatient_to(peer.base()))->what == outcome::unreachable);
  go.open();
  for (auto& x : waiting)
    CHECK(x.get()->what == outcome::accepted);
  CHECK(peer.connections() == 2);
}

TEST_CASE("idle connections make room for those that are needed") {
  http_client_options few;
  few.connections_max = 4;
  auto client = open_client(few);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<http_peer>> peers;
    for (int i = 0; i < 8; ++i) {
      peers.push_back(std::make_unique<http_peer>(http_peer::answering(200)));
      CHECK(ask(*client, to(peers.back()->base()))->what == outcome::accepted);
    }
  }
}

/// Takes all descriptors that the process may still open.
class no_descriptors {
public:
  no_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    auto few = before_;
    few.rlim_cur = 200;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0))
      taken_.push_back(fd);
  }

  ~no_descriptors() {
    for (auto fd : taken_)
      ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }

private:
  rlimit before_{};
  std::vector<int> taken_;
};

TEST_CASE("no failure of one exchange shows in the next one") {
  http_peer well{http_peer::answering(200)};
  http_peer hung{[](auto& c) { c.hang(); }};
  http_peer broken{[](auto& c) { c.read(); }};
  auto client = open_client();
  for (auto base :
       {hung.base(), broken.base(), std::string{"http://127.0.0.1:1"},
        std::string{"http://nobody.invalid"}, std::string{"unix:/nowhere"},
        std::string{"ftp://x"}}) {
    CHECK(ask(*client, impatient_to(base))->what != outcome::accepted);
    auto got = ask(*client, to(well.base()));
    CHECK_MESSAGE(got->what == outcome::accepted, got->detail);
  }
  http_peer fresh{http_peer::answering(200)};
  {
    no_descriptors left;
    auto got = ask(*client, to(fresh.base()));
    CHECK(got->what == outcome::unreachable);
    CHECK(got->detail
          == "no connection to " + fresh.base() + ": too many open files");
  }
  auto got = ask(*client, to(fresh.base()));
  CHECK_MESSAGE(got->what == outcome::accepted, got->detail);
}

TEST_CASE("a service can be reached over a unix socket") {
  auto path = "/tmp/posthorn-courier-" + std::to_string(::getpid());
  auto client = open_client();
  {
    http_peer peer{http_peer::answering(200), path};
    for (int i = 0; i < 3; ++i) {
      auto got = ask(*client, to(peer.base(), "over a path"));
      CHECK(got->what == outcome::accepted);
      CHECK(got->detail == "HTTP 200 from unix:" + path);
    }
    CHECK(peer.connections() == 1);
    CHECK(peer.requests().at(0).body == "over a path");
  }
  auto got = ask(*client, to("unix:" + path));
  CHECK(got->what == outcome::unreachable);
  CHECK_MESSAGE(has(got->detail, "no such file"), got->detail);
}

TEST_CASE("proxies of the environment are not used") {
  http_peer proxy{http_peer::answering(200, "by proxy")};
  http_peer peer{http_peer::answering(200, "direct")};
  for (auto name : {"http_proxy", "all_proxy", "ALL_PROXY"})
    ::setenv(name, proxy.base().c_str(), 1);
  auto client = open_client();
  CHECK(ask(*client, to(peer.base()))->body == "direct");
  CHECK(proxy.connections() == 0);
  for (auto name : {"http_proxy", "all_proxy", "ALL_PROXY"})
    ::unsetenv(name);
}

TEST_CASE("a token is in no detail, whatever happens") {
  auto client = open_client();
  const std::string token = "s3cret-token";
  auto check = [&](exchange what) {
    auto got = ask(*client, what);
    CHECK_MESSAGE(!has(got->detail, token), got->detail);
    CHECK_MESSAGE(!has(got->detail, "hunter2"), got->detail);
  };
  http_peer echo{[&](auto& c) {
    c.read();
    c.write("HTTP/1.1 500 " + token + "\r\nX: " + token
            + "\r\nContent-Length: 12\r\n\r\n" + token);
  }};
  http_peer garbage{http_peer::sending(token)};
  http_peer silent{[](auto& c) { c.hang(); }};
  check(to(echo.base()));
  check(to(garbage.base()));
  check(impatient_to(silent.base()));
  check(to("http://127.0.0.1:1"));
  auto port = ":" + std::to_string(echo.port());
  check(to("http://me:hunter2@127.0.0.1" + port));
  check(to("http://me:hunter2@nobody.invalid"));
  check(to("http://me:hunter2@127.0.0.1:99999"));
  check(to("gopher://me:hunter2@127.0.0.1"));
}

TEST_CASE("stopping ends what is open, once each") {
  http_peer hung{[](auto& c) { c.hang(); }};
  auto client = open_client();
  std::atomic<int> calls{0};
  std::atomic<int> cancelled{0};
  for (int i = 0; i < 100; ++i)
    client->start(
      std::make_shared<const exchange>(to(hung.base())), [&](answer_ptr got) {
        ++calls;
        if (got->what == outcome::broken && has(got->detail, "cancelled"))
          ++cancelled;
      });
  client->stop();
  CHECK(calls == 100);
  CHECK(cancelled == 100);
  // After the end the answer comes at once.
  CHECK(has(ask(*client, to(hung.base()))->detail, "cancelled"));
  client->stop();
}

TEST_CASE("a client may be destroyed by the answer it gives") {
  http_peer peer{http_peer::answering(200)};
  auto client = std::make_shared<std::unique_ptr<http_client>>(open_client());
  std::promise<outcome> ended;
  (*client)->start(std::make_shared<const exchange>(to(peer.base())),
                   [client, &ended](answer_ptr got) {
                     client->reset();
                     ended.set_value(got->what);
                   });
  CHECK(ended.get_future().get() == outcome::accepted);
}

TEST_CASE("an answer may start the next exchange") {
  http_peer peer{http_peer::answering(200)};
  auto client = open_client();
  std::promise<void> ended;
  int left = 50;
  std::function<void(answer_ptr)> again = [&](answer_ptr got) {
    if (got->what != outcome::accepted || --left == 0)
      ended.set_value();
    else
      client->start(std::make_shared<const exchange>(to(peer.base())), again);
  };
  client->start(std::make_shared<const exchange>(to(peer.base())), again);
  ended.get_future().get();
  CHECK(left == 0);
  CHECK(peer.connections() == 1);
}

TEST_SUITE_END();
