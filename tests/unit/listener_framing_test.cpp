// SPDX-License-Identifier: Apache-2.0
// Each rule by which the listener cuts bytes into requests or refuses them,
// over real connections.
#include "actors/listener/framer.hpp"
#include "actors/listener/listener.hpp"
#include "actors/listener/request_path.hpp"
#include "tests/support/raw_client.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace posthorn;
using test::raw_client;

namespace {

listener_limits small() {
  listener_limits limits;
  limits.header_max = 2048;
  limits.headers_max = 10;
  limits.body_max = 1000;
  return limits;
}

// Answers "method target body".
std::unique_ptr<listener> echo(const listener_limits& limits = small()) {
  auto result
    = listen("127.0.0.1:0", limits, [](auto& request, auto& response) {
        response.set_content(request.method + " " + request.target + " "
                               + request.body,
                             "text/plain");
      });
  REQUIRE(result);
  return std::move(*result);
}

// The refusal of a request: its status, once the connection is seen to close.
int status_of(listener& server, std::string_view bytes) {
  raw_client client{server.port()};
  auto answer = client.ask(bytes);
  if (answer.status < 400)
    return answer.status;
  CHECK(answer.head.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(answer.body.starts_with(R"({"errcode":"M_)"));
  CHECK(client.closed());
  return answer.status;
}

std::string put(std::string_view headers, std::string_view body = "") {
  return "PUT /x HTTP/1.1\r\n" + std::string{headers} + "\r\n"
         + std::string{body};
}

} // namespace

TEST_CASE(
  "a request reaches the handler with target, query, headers and body") {
  httplib::Request seen;
  auto server = listen("127.0.0.1:0", {}, [&](auto& request, auto& response) {
    seen = std::move(request);
    response.set_content("{}", "application/json");
  });
  REQUIRE(server);
  raw_client client{(*server)->port()};
  auto answer
    = client.ask("PUT /a%2Fb/c?k=v%20w&access_token=t HTTP/1.1\r\nHost: x\r\n"
                 "x-ODD:  a%20b\tc  \r\nContent-Length: 5\r\n\r\nhello");
  CHECK(answer.status == 200);
  CHECK(answer.body == "{}");
  CHECK(seen.method == "PUT");
  CHECK(seen.target == "/a%2Fb/c?k=v%20w&access_token=t");
  CHECK(split_path(seen.target) == std::vector<std::string>{"a/b", "c"});
  CHECK(seen.get_param_value("k") == "v w");
  CHECK(seen.get_header_value("X-Odd") == "a%20b\tc");
  CHECK(seen.body == "hello");
  CHECK(seen.remote_addr == "127.0.0.1");
}

TEST_CASE("a head that could be read in two ways is refused") {
  auto server = echo();
  for (std::string_view bytes : {
         "GET / HTTP/1.1\n\n",
         "GET / HTTP/1.1\r\nA: b\n\r\n",
         "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
         "GET / HTTP/1.1\r\nA : b\r\n\r\n",
         "GET / HTTP/1.1\r\n: b\r\n\r\n",
         "GET / HTTP/1.1\r\nAb\r\n\r\n",
         "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
         "GET / HTTP/1.1\r\nA: b\x01\r\n\r\n",
         "GET  / HTTP/1.1\r\n\r\n",
         "GET /\r\n\r\n",
         "GET / HTTP/1.1 \r\n\r\n",
         "GET /a b HTTP/1.1\r\n\r\n",
         "GET x HTTP/1.1\r\n\r\n",
         "GET /\xc3\xa4 HTTP/1.1\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
         "\r\n\r\n\r\n\r\n\r\n\r\n",
         "\x16\x03\x01\x02",
         "{}",
       }) {
    CAPTURE(bytes);
    CHECK(status_of(*server, bytes) == 400);
  }
  CHECK(status_of(*server, {"GET / HTTP/1.1\r\nA: b\0\r\n\r\n", 26}) == 400);
  CHECK(server->counters().requests == 0);
  CHECK(server->counters().refused_by(refusal_reason::malformed) == 19);
  raw_client client{server->port()};
  CHECK(
    client.ask("GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n").body
    == R"({"errcode":"M_UNKNOWN","error":"a header is folded over lines"})");
}

TEST_CASE("a body has exactly one framing") {
  auto server = echo();
  for (std::string_view headers : {
         "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
         "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
         "Content-Length: 1\r\nContent-Length: 1\r\n",
         "Content-Length: 1\r\ncontent-length: 2\r\n",
         "Content-Length: 1, 1\r\n",
         "Content-Length: +1\r\n",
         "Content-Length: -1\r\n",
         "Content-Length: 0x1\r\n",
         "Content-Length:\r\n",
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
       }) {
    CAPTURE(headers);
    CHECK(status_of(*server, put(headers, "1")) == 400);
  }
  CHECK(status_of(*server, put("Transfer-Encoding: gzip, chunked\r\n")) == 501);
  CHECK(status_of(*server, put("Transfer-Encoding: identity\r\n")) == 501);
  CHECK(status_of(*server, "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
                           "\r\n0\r\n\r\n")
        == 400);
  CHECK(status_of(*server, put("")) == 411);
  CHECK(server->counters().requests == 0);
}

TEST_CASE("what is not offered is refused by its own status") {
  auto server = echo();
  CHECK(
    status_of(*server, put("Content-Length: 1\r\nContent-Encoding: gzip\r\n"))
    == 415);
  CHECK(status_of(*server, put("Content-Length: 1\r\nExpect: tea\r\n")) == 417);
  CHECK(status_of(*server, "GET / HTTP/2.0\r\n\r\n") == 505);
  CHECK(status_of(*server, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
  CHECK(status_of(*server, "GET / HTTP/1.2\r\n\r\n") == 505);
  CHECK(status_of(*server, "BREW / HTTP/1.1\r\n\r\n") == 501);
}

TEST_CASE("heads and bodies over their limits are refused as soon as it is "
          "known") {
  auto server = echo();
  std::string line = "A: " + std::string(100, 'b') + "\r\n";
  std::string many;
  for (auto i = 0; i < 10; ++i)
    many += "A: b\r\n";
  CHECK(status_of(*server, "GET / HTTP/1.1\r\n" + many + "\r\n") == 200);
  CHECK(status_of(*server, "GET / HTTP/1.1\r\n" + many + "A: b\r\n") == 431);
  CHECK(status_of(*server, "GET / HTTP/1.1\r\nA: " + std::string(3000, 'b'))
        == 431);
  CHECK(status_of(*server, "GET /" + std::string(3000, 'b')) == 414);
  // The body itself never comes.
  CHECK(status_of(*server, put("Content-Length: 1001\r\n")) == 413);
  CHECK(status_of(*server, put("Content-Length: 99999999999999999999999\r\n"))
        == 413);
  CHECK(status_of(*server, put("Transfer-Encoding: chunked\r\n", "3e9\r\n"))
        == 413);
  CHECK(
    status_of(*server, put("Content-Length: 1000\r\n", std::string(1000, 'x')))
    == 200);
  CHECK(server->counters().refused_by(refusal_reason::body_too_large) == 3);
  CHECK(server->counters().refused_by(refusal_reason::headers_too_large) == 3);
}

TEST_CASE("a client still sending a body that is refused gets to read why") {
  auto server = echo();
  raw_client client{server->port()};
  CHECK(client.send(
    put("Content-Length: 4000000\r\n", std::string(4'000'000, 'x'))));
  CHECK(client.receive().status == 413);
  client.finish();
  // A reset would have cut the sending short, and could have lost the answer.
  CHECK(client.closed());
}

TEST_CASE("a chunked body is put together, whatever its chunks") {
  auto server = echo();
  raw_client client{server->port()};
  auto headers = "Transfer-Encoding: Chunked\r\n";
  CHECK(client
          .ask(put(headers, "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n"
                            "0\r\n\r\n"))
          .body
        == "PUT /x abc0123456789");
  CHECK(client.ask(put(headers, "0\r\n\r\n")).body == "PUT /x ");
  auto bytes = put(headers, "2\r\nab\r\n1 ;e\r\nc\r\n0\r\n\r\n");
  for (auto each : bytes)
    REQUIRE(client.send({&each, 1}));
  CHECK(client.receive().body == "PUT /x abc");
}

TEST_CASE("a malformed chunked body is refused") {
  auto server = echo();
  for (std::string_view body :
       {"3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "\r\n", "x\r\n",
        "-1\r\n", "0x1\r\n", "1 2\r\na\r\n", "3\r\nabc\n", "0\r\nA: b\r\n\r\n",
        "1;\x01\r\n"}) {
    CAPTURE(body);
    CHECK(status_of(*server, put("Transfer-Encoding: chunked\r\n", body))
          == 400);
  }
  CHECK(status_of(*server, put("Transfer-Encoding: chunked\r\n",
                               "1;" + std::string(300, 'e')))
        == 400);
  std::string extended;
  for (auto i = 0; i < 30; ++i)
    extended += "1;" + std::string(200, 'e') + "\r\na\r\n";
  CHECK(status_of(*server, put("Transfer-Encoding: chunked\r\n", extended))
        == 400);
}

TEST_CASE("a framer cuts the same requests however their bytes are split") {
  auto limits = small();
  std::string bytes = "\r\nPUT /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
                      "GET /2 HTTP/1.1\r\n\r\n"
                      "PUT /3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    inbound::framer frames{limits};
    std::string found;
    for (std::string_view rest = bytes; !rest.empty();) {
      auto part = rest.substr(0, step);
      rest.remove_prefix(part.size());
      while (!part.empty())
        if (frames.feed(part) == inbound::framer::stage::complete) {
          auto request = frames.take();
          found += request.head.target + "=" + request.body + ";";
        }
    }
    CAPTURE(step);
    CHECK(found == "/1=abc;/2=;/3=xy;");
  }
}

TEST_CASE("a framer holds what has come, not what was declared") {
  listener_limits limits;
  inbound::framer frames{limits};
  auto feed = [&](std::string_view bytes) { frames.feed(bytes); };
  feed("PUT / HTTP/1.1\r\nContent-Length: 16000000\r\n\r\nabc");
  CHECK(frames.room().empty());
  CHECK(frames.held() < 1000);
  feed(std::string(70'000, 'x'));
  CHECK(frames.room().size() <= 70'003);
  CHECK(frames.held() < 300'000);
}

TEST_CASE("a path is split before it is decoded") {
  using list = std::vector<std::string>;
  CHECK(split_path("/as/irc/_matrix?x=/y") == list{"as", "irc", "_matrix"});
  CHECK(split_path("/%2F%2f/%23a:b") == list{"//", "#a:b"});
  CHECK(split_path("/") == list{""});
  CHECK(split_path("/a//b/") == list{"a", "", "b", ""});
  for (auto* broken : {"/%", "/%2", "/%zz", "/%0", "/%00", "/%+1", "a", ""})
    CHECK_FALSE(split_path(broken));
}
