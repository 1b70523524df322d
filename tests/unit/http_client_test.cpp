// SPDX-License-Identifier: Apache-2.0
// What the HTTP client makes of every kind of peer, over real sockets.
#include "actors/courier/http_client.hpp"
#include "tests/support/http_asking.hpp"
#include "tests/support/http_peer.hpp"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <atomic>

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

struct fixture {
  std::unique_ptr<http_client> client = open_client();

  answer_ptr ask(exchange what) {
    return testing::ask(*client, std::move(what));
  }

  answer_ptr ask(http_peer& whom) {
    return ask(to(whom.base()));
  }
};

bool has(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

/// Large writes to let through until one waits for the connection's reset;
/// negative: all.
std::atomic<int> writes_before_reset{-1};

} // namespace

/// Stands before the C library's: libcurl's write comes after the peer's reset.
extern "C" ssize_t send(int fd, const void* bytes, std::size_t size,
                        int flags) {
  if (size > 10'000 && writes_before_reset >= 0 && writes_before_reset-- == 0) {
    pollfd errors{fd, 0, 0};
    ::poll(&errors, 1, 5'000);
  }
  using function = decltype(&::send);
  static auto* real = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "send"));
  return real(fd, bytes, size, flags);
}

TEST_SUITE_BEGIN("http_client");

TEST_CASE_FIXTURE(fixture, "any 2xx is accepted, with the answer's body") {
  for (auto status : {200, 201, 202, 299}) {
    http_peer peer{http_peer::answering(status, R"({"a":1})")};
    auto got = ask(peer);
    CHECK(got->what == outcome::accepted);
    CHECK(got->status == status);
    CHECK(got->body == R"({"a":1})");
    CHECK(got->detail
          == "HTTP " + std::to_string(status) + " from " + peer.base());
    CHECK(got->took > 0us);
  }
  http_peer empty{http_peer::sending("HTTP/1.1 204 No Content\r\n\r\n")};
  CHECK(ask(empty)->what == outcome::accepted);
}

TEST_CASE_FIXTURE(fixture, "any other status is refused") {
  for (auto status : {400, 401, 403, 404, 413, 429, 500, 502, 503}) {
    http_peer peer{http_peer::answering(status)};
    auto got = ask(peer);
    CHECK(got->what == outcome::refused);
    CHECK(got->status == status);
    CHECK(got->detail
          == "HTTP " + std::to_string(status) + " from " + peer.base());
  }
}

TEST_CASE_FIXTURE(fixture, "a redirect is refused and not followed") {
  http_peer elsewhere{http_peer::answering(200)};
  for (auto status : {301, 302, 303, 307, 308}) {
    http_peer peer{http_peer::answering(
      status, "", "Location: " + elsewhere.base() + "/there\r\n")};
    auto got = ask(peer);
    CHECK(got->what == outcome::refused);
    CHECK(got->status == status);
  }
  CHECK(elsewhere.connections() == 0);
}

TEST_CASE_FIXTURE(fixture, "a request says what it must and nothing else") {
  http_peer peer{http_peer::answering(200)};
  auto what
    = to(peer.base() + "/below", "{\"n\":1.0,\"n\":1e0, \"z\":\"\\u0000\"}\n");
  what.target = "/_matrix/app/v1/transactions/a%2Fb/../c";
  ask(what);
  auto sent = peer.requests().at(0);
  CHECK(sent.head.starts_with(
    "PUT /below/_matrix/app/v1/transactions/a%2Fb/../c HTTP/1.1\r\n"));
  CHECK(has(sent.head, "\r\nAuthorization: Bearer s3cret-token\r\n"));
  CHECK(has(sent.head, "\r\nContent-Type: application/json\r\n"));
  CHECK(has(sent.head, "\r\nUser-Agent: posthorn/"));
  for (auto unwanted : {"Expect:", "Accept-Encoding:", "Cookie:", "TE:",
                        "Transfer-Encoding:", "Upgrade:"})
    CHECK(!has(sent.head, unwanted));
  CHECK(sent.body == *what.body);
}

TEST_CASE_FIXTURE(fixture, "a large body arrives byte for byte") {
  http_peer peer{http_peer::answering(200)};
  std::string body(3 * 1024 * 1024 + 7, '\0');
  for (std::size_t i = 0; i < body.size(); ++i)
    body[i] = static_cast<char>(i * 31 + i / 251);
  CHECK(ask(to(peer.base(), body))->what == outcome::accepted);
  CHECK((peer.requests().at(0).body == body));
  CHECK(!has(peer.requests().at(0).head, "Expect:"));
}

TEST_CASE_FIXTURE(fixture, "GET carries no body, POST and PUT may have none") {
  http_peer peer{http_peer::answering(200)};
  for (auto method : {"GET", "POST", "PUT"}) {
    auto what = to(peer.base());
    what.method = method;
    what.body = nullptr;
    CHECK(ask(what)->what == outcome::accepted);
    auto sent = peer.requests().back();
    CHECK(sent.head.starts_with(std::string{method} + " /_matrix/"));
    CHECK(!has(sent.head, "Content-Type:"));
    CHECK(has(sent.head, "Content-Length: 0") == (sent.head[0] == 'P'));
  }
}

TEST_CASE_FIXTURE(fixture, "where nobody listens the service is unreachable") {
  std::uint16_t port = 0;
  auto fd = http_peer::bound_port(port);
  auto base = "http://127.0.0.1:" + std::to_string(port);
  auto got = ask(to(base));
  CHECK(got->what == outcome::unreachable);
  CHECK(got->status == 0);
  CHECK(got->detail == "connection refused by " + base);
  ::close(fd);
}

TEST_CASE_FIXTURE(fixture, "no connection in time is unreachable") {
  std::uint16_t port = 0;
  auto fd = http_peer::bound_port(port);
  REQUIRE(::listen(fd, 0) == 0);
  // The system takes a connection or two for a listener that accepts none, and
  // then leaves the next ones without an answer.
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(port);
  std::vector<int> fill;
  for (int i = 0; i < 4; ++i) {
    fill.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    ::connect(fill.back(), reinterpret_cast<sockaddr*>(&where), sizeof(where));
  }
  auto what = to("http://127.0.0.1:" + std::to_string(port));
  what.connect_timeout = 200ms;
  auto got = ask(what);
  CHECK(got->what == outcome::unreachable);
  CHECK(got->detail == "no connection within 200ms to " + what.base);
  for (auto x : fill)
    ::close(x);
  ::close(fd);
}

TEST_CASE_FIXTURE(fixture, "a name that does not exist is unreachable") {
  auto got = ask(to("http://nobody.invalid:9"));
  CHECK(got->what == outcome::unreachable);
  CHECK(got->detail == "name not found: http://nobody.invalid:9");
}

TEST_CASE_FIXTURE(fixture, "what cannot be sent is said, not sent") {
  http_peer peer{http_peer::answering(200)};
  auto check = [&](exchange what, std::string_view why) {
    auto got = ask(what);
    CHECK(got->what == outcome::unreachable);
    CHECK_MESSAGE(has(got->detail, why), got->detail);
  };
  check(to("ftp://127.0.0.1"), "not an http:, https: or unix: URL");
  check(to("file:///etc/passwd"), "not an http:, https: or unix: URL");
  check(to("http://127.0.0.1:999999"), "not a usable URL");
  check(to("unix:/" + std::string(108, 'x')), "longer than 107 bytes");
  auto bad_token = to(peer.base());
  bad_token.bearer = "a\r\nX-Evil: b";
  check(bad_token, "holds a control character");
  auto bad_target = to(peer.base());
  bad_target.target = "@elsewhere/";
  check(bad_target, "does not start with a slash");
  auto bad_method = to(peer.base());
  bad_method.method = "HEAD";
  check(bad_method, "only PUT, POST and GET");
  CHECK(peer.connections() == 0);
}

TEST_CASE_FIXTURE(fixture, "a peer that never answers times out") {
  http_peer peer{[](auto& c) { c.hang(); }};
  auto got = ask(impatient_to(peer.base()));
  CHECK(got->what == outcome::timed_out);
  CHECK(got->status == 0);
  CHECK(got->detail == "no answer within 200ms from " + peer.base());
}

TEST_CASE_FIXTURE(fixture, "a peer that does not read our body times out") {
  http_peer peer{[](auto& c) { c.hang(); }};
  auto what = impatient_to(peer.base());
  what.body = std::make_shared<const std::string>(32 * 1024 * 1024, 'x');
  CHECK(ask(what)->what == outcome::timed_out);
}

TEST_CASE_FIXTURE(fixture,
                  "an answer that stalls after its headers times out") {
  http_peer peer{[](auto& c) {
    c.read();
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{");
    c.hang();
  }};
  auto got = ask(impatient_to(peer.base()));
  CHECK(got->what == outcome::timed_out);
  CHECK(got->status == 200);
  CHECK(got->detail == "no whole answer within 200ms from " + peer.base());
}

TEST_CASE_FIXTURE(fixture, "an answer that trickles times out all the same") {
  auto trickle = [](std::string head) {
    return [=](http_peer::connection& c) {
      c.read();
      c.write(head);
      while (c.wait(5ms))
        c.write("a");
    };
  };
  http_peer in_body{
    trickle("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")};
  http_peer in_header{trickle("HTTP/1.1 200 OK\r\nX-Long: ")};
  CHECK(ask(impatient_to(in_body.base()))->what == outcome::timed_out);
  CHECK(ask(impatient_to(in_header.base()))->what == outcome::timed_out);
}

TEST_CASE_FIXTURE(fixture, "a connection that breaks off is broken") {
  auto check = [&](http_peer::script how, std::string_view why) {
    http_peer peer{std::move(how)};
    auto got = ask(peer);
    CHECK(got->what == outcome::broken);
    CHECK_MESSAGE(has(got->detail, why), got->detail);
    CHECK(peer.connections() == 1);
  };
  check([](auto& c) { c.read(); }, "closed without an answer");
  check(
    [](auto& c) {
      c.read();
      c.reset();
    },
    "connection broken by");
  check(http_peer::sending("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
        "closed in the middle of the answer");
  check(http_peer::sending("HTTP/1.1 200 OK\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        "");
  check(http_peer::sending("HTTP/1.1 200 OK\r\n"
                           "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc"),
        "chunked-encoding");
}

TEST_CASE_FIXTURE(fixture, "what is not HTTP is broken") {
  for (auto garbage : {"SSH-2.0-OpenSSH_9.2\r\n", "{}", "\r\n\r\n\r\n",
                       "HTTP/1.1 abc\r\n\r\n", "\x16\x03\x01\x02"}) {
    http_peer peer{http_peer::sending(garbage)};
    auto got = ask(peer);
    CHECK_MESSAGE(got->what == outcome::broken, garbage);
    CHECK_MESSAGE(got->status == 0, garbage);
  }
}

TEST_CASE_FIXTURE(fixture, "an answer may be as large as the limit, not more") {
  auto ask_for = [&](std::string head, std::size_t size) {
    http_peer peer{http_peer::sending(head + std::string(size, 'x'))};
    auto what = to(peer.base());
    what.answer_max = 1024 * 1024;
    return ask(what);
  };
  auto mib = std::size_t{1024} * 1024;
  auto whole = ask_for("HTTP/1.1 200 OK\r\n\r\n", mib);
  CHECK(whole->what == outcome::accepted);
  CHECK(whole->body.size() == mib);
  auto open_end = ask_for("HTTP/1.1 200 OK\r\n\r\n", mib + 1);
  CHECK(open_end->what == outcome::broken);
  CHECK(has(open_end->detail, "answer larger than 1 MiB"));
  CHECK(open_end->body.size() <= mib);
  // Announced to be too large: not read at all.
  auto announced
    = ask_for("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", 5);
  CHECK(announced->what == outcome::broken);
  CHECK(has(announced->detail, "answer larger than 1 MiB"));
}

TEST_CASE_FIXTURE(fixture, "an endless answer ends at the limit") {
  http_peer peer{[](auto& c) {
    c.read();
    c.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (c.write("3e8\r\n" + std::string(1000, 'x') + "\r\n"))
      ;
  }};
  CHECK(has(ask(peer)->detail, "answer larger than 1 MiB"));
}

TEST_CASE_FIXTURE(fixture, "headers have a limit in number and in size") {
  auto check = [&](std::string first, std::string again) {
    http_peer peer{[=](auto& c) {
      c.read();
      c.write(first);
      while (c.write(again))
        ;
    }};
    auto got = ask(peer);
    CHECK(got->what == outcome::broken);
    CHECK_MESSAGE(has(got->detail, "headers of the answer larger than"),
                  got->detail);
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  check(ok, "A: b\r\n");
  check(ok, "A: " + std::string(8000, 'x') + "\r\n");
  check(ok + "A: ", std::string(1000, 'x'));
  check("", "HTTP/1.1 103 Early Hints\r\n\r\n");
  check(ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n", "T: x\r\n");
}

TEST_CASE_FIXTURE(fixture, "an answer may have 200 header lines, not more") {
  auto ask_for = [&](int lines) {
    std::string all = "HTTP/1.1 200 OK\r\n";
    // The status line and the empty line count as well.
    for (int i = 2; i < lines; ++i)
      all += "A: b\r\n";
    http_peer peer{http_peer::sending(all + "\r\n")};
    return ask(peer)->what;
  };
  CHECK(ask_for(200) == outcome::accepted);
  CHECK(ask_for(201) == outcome::broken);
}

TEST_CASE_FIXTURE(fixture, "a 413 in the middle of our body is heard") {
  http_peer peer{[](auto& c) {
    c.read_head();
    c.reply(413, "{}", "Connection: close\r\n");
  }};
  auto what = to(peer.base(), std::string(8 * 1024 * 1024, 'x'));
  // The reset comes somewhere in our sending, and then right before a write.
  for (int i = 0; i < 20; ++i) {
    writes_before_reset = i % 2 == 0 ? -1 : 1;
    auto got = ask(what);
    CHECK_MESSAGE(got->what == outcome::refused, got->detail);
    CHECK(got->status == 413);
  }
  writes_before_reset = -1;
}

TEST_SUITE_END();
