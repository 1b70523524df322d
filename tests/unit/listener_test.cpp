// SPDX-License-Identifier: Apache-2.0
// The listener under many clients, slow clients and its own end.
#include "actors/listener/listener.hpp"
#include "messages/errors.hpp"
#include "tests/support/raw_client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace posthorn;
using namespace std::chrono_literals;
using test::raw_client;

namespace {

void echo(httplib::Request& request, httplib::Response& response) {
  response.set_content(request.target + " " + request.body, "text/plain");
}

std::unique_ptr<listener> serve(const listener_limits& limits = {},
                                http_handler handler = echo,
                                const std::string& address = "127.0.0.1:0") {
  auto result = listen(address, limits, std::move(handler));
  if (!result)
    FAIL(text_of(result.error()));
  return std::move(*result);
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

std::string put(const std::string& target, const std::string& body) {
  return "PUT " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: "
         + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Waits for a counter, as its thread has no other way to say so.
template <class Condition>
void eventually(Condition condition) {
  for (auto i = 0; i < 2000 && !condition(); ++i)
    std::this_thread::sleep_for(5ms);
  CHECK(condition());
}

// A handler that waits until it is told.
struct gate {
  std::promise<void> opened;
  std::shared_future<void> open{opened.get_future()};
  std::atomic<int> inside{0};

  http_handler handler() {
    return [this](auto& request, auto& response) {
      ++inside;
      if (request.target.starts_with("/wait"))
        open.wait();
      echo(request, response);
    };
  }
};

} // namespace

TEST_CASE("a connection serves any number of requests, of any size, in order") {
  auto server = serve();
  raw_client client{server->port()};
  for (auto i = 0; i < 300; ++i)
    CHECK(client.ask(get("/" + std::to_string(i))).body
          == "/" + std::to_string(i) + " ");
  for (std::size_t size : {0, 1, 58'000, 65'536, 70'000, 3'000'000}) {
    std::string body(size, 'x');
    for (std::size_t i = 0; i < size; i += 1000)
      body[i] = static_cast<char>('a' + i / 1000 % 26);
    auto answer = client.ask(put("/p", body));
    CHECK(answer.status == 200);
    CHECK(answer.body == "/p " + body);
  }
  CHECK(server->counters().accepted == 1);
  CHECK(server->counters().requests == 306);
  eventually([&] { return server->counters().buffered_bytes == 0; });
}

TEST_CASE("pipelined requests are answered in order, also behind a slow one") {
  gate doors;
  auto server = serve({}, doors.handler());
  raw_client client{server->port()};
  std::string all = get("/wait");
  for (auto i = 0; i < 500; ++i)
    all += i % 2 == 0 ? get("/" + std::to_string(i))
                      : put("/" + std::to_string(i), "b");
  client.send(all);
  eventually([&] { return doors.inside == 1; });
  doors.opened.set_value();
  CHECK(client.receive().body == "/wait ");
  for (auto i = 0; i < 500; ++i)
    CHECK(client.receive().body
          == "/" + std::to_string(i) + (i % 2 == 0 ? " " : " b"));
}

TEST_CASE("the connection closes when the client asks, or speaks HTTP/1.0") {
  auto server = serve();
  for (auto* request : {"GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n",
                        "GET / HTTP/1.0\r\n\r\n",
                        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"}) {
    raw_client client{server->port()};
    auto answer = client.ask(request);
    CHECK(answer.status == 200);
    CHECK(answer.head.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(client.closed());
  }
  raw_client half{server->port()};
  half.send(get("/"));
  half.finish();
  CHECK(half.receive().status == 200);
  CHECK(half.closed());
}

TEST_CASE("a client that expects 100-continue gets it once its head is fine") {
  auto server = serve();
  std::string head = "PUT / HTTP/1.1\r\nExpect: 100-continue\r\n"
                     "Content-Length: ";
  raw_client client{server->port()};
  CHECK(client.ask(head + "3\r\n\r\n").status == 100);
  auto answer = client.ask("abc");
  CHECK(answer.status == 200);
  CHECK(answer.body == "/ abc");
  // A body that is there already needs no leave.
  CHECK(client.ask(head + "3\r\n\r\nabc").status == 200);
  CHECK(client.ask(head + "99999999999\r\n\r\n").status == 413);
}

TEST_CASE("a handler that throws is a 500 and the connection goes on") {
  auto server = serve({}, [](auto& request, auto& response) {
    if (request.target == "/throw")
      throw std::runtime_error{"secret"};
    echo(request, response);
  });
  raw_client client{server->port()};
  auto answer = client.ask(get("/throw"));
  CHECK(answer.status == 500);
  CHECK((answer.head + answer.body).find("secret") == std::string::npos);
  CHECK(client.ask(get("/")).status == 200);
}

TEST_CASE("a request that does not come in time is refused, an idle connection "
          "is closed") {
  listener_limits limits;
  limits.header_deadline = 40ms;
  limits.request_deadline = 80ms;
  limits.idle_timeout = 60ms;
  limits.linger_time = 50ms;
  auto server = serve(limits);
  raw_client silent{server->port()};
  raw_client slow_head{server->port()};
  raw_client slow_body{server->port()};
  raw_client used{server->port()};
  slow_head.send("GET / HT");
  slow_body.send("PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx");
  CHECK(used.ask(get("/")).status == 200);
  CHECK(slow_head.receive().status == 408);
  CHECK(slow_head.closed());
  CHECK(slow_body.receive().status == 408);
  CHECK(silent.closed());
  CHECK(used.closed());
  CHECK(server->counters().refused_by(refusal_reason::too_slow) == 2);
  // The slow ones' sockets are still open on their side.
  eventually([&] { return server->counters().open_connections == 0; });
}

TEST_CASE("who connects and says nothing has as long as a request's headers "
          "have, between requests there is more time") {
  listener_limits limits;
  limits.header_deadline = 40ms;
  limits.linger_time = 50ms;
  auto server = serve(limits);
  raw_client silent{server->port()};
  raw_client used{server->port()};
  CHECK(used.ask(get("/")).status == 200);
  CHECK(silent.closed());
  CHECK(used.ask(get("/")).status == 200);
}

TEST_CASE("200 trickling and 200 idle connections cost a good client nothing") {
  auto server = serve();
  std::vector<raw_client> idle;
  std::vector<raw_client> trickling;
  for (auto i = 0; i < 200; ++i) {
    idle.emplace_back(server->port());
    trickling.emplace_back(server->port());
    trickling.back().send(i % 2 == 0 ? "GET / HT"
                                     : "PUT / HTTP/1.1\r\n"
                                       "Content-Length: 9000000\r\n\r\n");
  }
  raw_client good{server->port()};
  for (auto i = 0; i < 20; ++i) {
    for (auto& each : trickling)
      each.send("x");
    CHECK(good.ask(put("/good", "body")).body == "/good body");
  }
  CHECK(server->counters().open_connections == 401);
  CHECK(server->counters().buffered_bytes < 400'000);
}

TEST_CASE("handlers that block keep others waiting only when all workers do") {
  gate doors;
  listener_limits limits;
  limits.workers_max = 10;
  auto server = serve(limits, doors.handler());
  std::vector<raw_client> blocked;
  for (auto i = 0; i < 9; ++i) {
    blocked.emplace_back(server->port());
    blocked.back().send(get("/wait"));
  }
  eventually([&] { return doors.inside == 9; });
  raw_client good{server->port()};
  CHECK(good.ask(get("/")).status == 200);
  blocked.emplace_back(server->port());
  blocked.back().send(get("/wait"));
  eventually([&] { return doors.inside == 11; });
  good.send(get("/later"));
  doors.opened.set_value();
  for (auto& each : blocked)
    CHECK(each.receive().status == 200);
  CHECK(good.receive().body == "/later ");
}

TEST_CASE("when connections run out, the one that waited longest gives way") {
  gate doors;
  listener_limits limits;
  limits.connections_max = 3;
  auto server = serve(limits, doors.handler());
  raw_client busy{server->port()};
  busy.send(get("/wait"));
  eventually([&] { return doors.inside == 1; });
  raw_client oldest{server->port()};
  oldest.send("GET / HT");
  raw_client used{server->port()};
  CHECK(used.ask(get("/")).status == 200);
  raw_client newest{server->port()};
  CHECK(newest.ask(get("/")).status == 200);
  CHECK(oldest.receive().status == 0);
  CHECK(used.ask(get("/")).status == 200);
  CHECK(server->counters().refused_by(refusal_reason::crowded_out) == 1);
  doors.opened.set_value();
  CHECK(busy.receive().status == 200);
}

TEST_CASE("when memory runs out, the largest incomplete request is refused") {
  listener_limits limits;
  limits.buffered_max = 1'400'000;
  auto server = serve(limits);
  raw_client hoarder{server->port()};
  // Held in a string that doubled: 2^20 bytes.
  hoarder.send("PUT / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n"
               + std::string(700'000, 'x'));
  eventually([&] { return server->counters().buffered_bytes > 1'000'000; });
  raw_client good{server->port()};
  auto body = std::string(400'000, 'y');
  CHECK(good.ask(put("/", body)).body == "/ " + body);
  auto refused = hoarder.receive();
  CHECK(refused.status == 503);
  CHECK(refused.head.find("\r\nRetry-After: 5\r\n") != std::string::npos);
  CHECK(good.ask(put("/", std::string(3'000'000, 'z'))).status == 503);
  eventually([&] { return server->counters().buffered_bytes == 0; });
}

TEST_CASE("an answer that the client does not take is written in its pace") {
  std::string large(20'000'000, 'x');
  auto server = serve({}, [&](auto&, auto& response) {
    response.set_content(large, "text/plain");
  });
  raw_client client{server->port()};
  client.send(get("/1") + get("/2"));
  raw_client other{server->port()};
  CHECK(other.ask(get("/")).body == large);
  CHECK(client.receive().body == large);
  CHECK(client.receive().body == large);
}

TEST_CASE("a client that never takes its answer loses the connection") {
  listener_limits limits;
  limits.write_deadline = 50ms;
  std::string large(20'000'000, 'x');
  auto server = serve(limits, [&](auto&, auto& response) {
    response.set_content(large, "text/plain");
  });
  raw_client client{server->port()};
  client.send(get("/"));
  eventually([&] { return server->counters().accepted == 1; });
  eventually([&] { return server->counters().open_connections == 0; });
}

TEST_CASE("stop() finishes what has begun and closes the rest") {
  gate doors;
  auto server = serve({}, doors.handler());
  raw_client idle{server->port()};
  raw_client busy{server->port()};
  raw_client sending{server->port()};
  busy.send(get("/wait"));
  sending.send("PUT /s HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
  eventually([&] { return doors.inside == 1; });
  eventually([&] { return server->counters().buffered_bytes > 100; });
  auto port = server->port();
  std::thread stopping{[&] { server->stop(30s); }};
  CHECK(idle.closed());
  sending.send("bc");
  auto last = sending.receive();
  CHECK(last.body == "/s abc");
  CHECK(last.head.find("\r\nConnection: close\r\n") != std::string::npos);
  doors.opened.set_value();
  CHECK(busy.receive().body == "/wait ");
  stopping.join();
  CHECK(listen("127.0.0.1:" + std::to_string(port), {}, echo));
}

TEST_CASE(
  "stop() gives up on slow clients after its grace, never on a handler") {
  gate doors;
  auto server = serve({}, doors.handler());
  raw_client busy{server->port()};
  busy.send(get("/wait"));
  raw_client slow{server->port()};
  slow.send("GET / HT");
  eventually([&] { return doors.inside == 1; });
  eventually([&] { return server->counters().accepted == 2; });
  std::thread stopping{[&] { server->stop(10ms); }};
  std::this_thread::sleep_for(50ms);
  doors.opened.set_value();
  stopping.join();
  CHECK(busy.receive().body == "/wait ");
  CHECK(slow.receive().status == 0);
}

TEST_CASE("stop_accepting() frees the port and leaves connections alone") {
  auto server = serve();
  raw_client client{server->port()};
  auto address = "127.0.0.1:" + std::to_string(server->port());
  server->stop_accepting();
  server->stop_accepting();
  auto next = serve({}, echo, address);
  auto last = client.ask(get("/old"));
  CHECK(last.status == 200);
  CHECK(last.head.find("Connection: close") != std::string::npos);
  CHECK(raw_client{next->port()}.ask(get("/new")).status == 200);
  CHECK(server->counters().requests == 1);
}
