// SPDX-License-Identifier: Apache-2.0
// The courier as the other actors see it, and how it reads Retry-After.
#include "actors/courier/courier.hpp"
#include "actors/courier/retry_after.hpp"
#include "actors/courier/verdict.hpp"
#include "tests/support/http_asking.hpp"
#include "tests/support/http_peer.hpp"

#include <caf/all.hpp>
#include <doctest/doctest.h>

#include <optional>

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

using wait = std::optional<std::chrono::milliseconds>;

/// A real scheduler: the courier's client has a thread and sockets anyway.
struct fixture {
  caf::actor_system_config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  census_ptr all = std::make_shared<census>();

  courier_actor spawn_courier() {
    return sys.spawn(courier, all, std::shared_ptr<http_client>{open_client()});
  }

  template <class Pending>
  answer_ptr answer_of(Pending&& pending) {
    answer_ptr result;
    pending.receive([&](answer_ptr& x) { result = std::move(x); },
                    [](caf::error& x) { FAIL(text_of(x)); });
    return result;
  }

  auto request(const courier_actor& whom, exchange what) {
    return self->request(whom, caf::infinite, send_atom::value,
                         std::make_shared<const exchange>(std::move(what)));
  }
};

wait header(std::string_view value) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  return parse_retry_after(value,
                           std::chrono::system_clock::from_time_t(784111777));
}

wait asked(int status, std::string extra, std::string body = "{}") {
  http_peer peer{http_peer::answering(status, body, extra)};
  auto client = open_client();
  return ask(*client, to(peer.base()))->retry_after;
}

} // namespace

TEST_SUITE_BEGIN("courier");

TEST_CASE_FIXTURE(fixture, "each request gets its own answer") {
  http_peer peer{[](auto& c) {
    while (auto got = c.read())
      c.reply(200, got->body);
  }};
  auto aut = spawn_courier();
  auto first = request(aut, to(peer.base(), "first"));
  auto second = request(aut, to(peer.base(), "second"));
  CHECK(answer_of(second)->body == "second");
  CHECK(answer_of(first)->body == "first");
}

TEST_CASE_FIXTURE(fixture, "a service that hangs keeps no other waiting") {
  http_peer hung{[](auto& c) { c.hang(); }};
  http_peer well{http_peer::answering(200)};
  auto aut = spawn_courier();
  auto slow = request(aut, impatient_to(hung.base()));
  for (int i = 0; i < 10; ++i)
    CHECK(answer_of(request(aut, to(well.base())))->what == outcome::accepted);
  CHECK(answer_of(slow)->what == outcome::timed_out);
}

TEST_CASE_FIXTURE(fixture, "what is open when the courier ends is answered") {
  http_peer hung{[](auto& c) { c.hang(); }};
  auto aut = spawn_courier();
  auto open = request(aut, to(hung.base()));
  caf::anon_send_exit(aut, caf::exit_reason::user_shutdown);
  auto got = answer_of(open);
  CHECK(got->what == outcome::broken);
  CHECK(got->detail == "cancelled: the courier is stopping");
}

TEST_CASE_FIXTURE(fixture,
                  "a courier nobody holds any more finishes its work") {
  std::promise<void> asked_for;
  std::promise<void> go;
  http_peer peer{[&](auto& c) {
    c.read();
    asked_for.set_value();
    go.get_future().wait();
    c.reply(200, "done");
  }};
  auto aut = spawn_courier();
  auto open = request(aut, to(peer.base()));
  asked_for.get_future().wait();
  aut = nullptr;
  go.set_value();
  CHECK(answer_of(open)->body == "done");
}

TEST_CASE_FIXTURE(fixture, "the courier stands in the census") {
  auto aut = spawn_courier();
  http_peer peer{http_peer::answering(200)};
  answer_of(request(aut, to(peer.base())));
  auto shown = all->snapshot();
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].name == "courier");
}

TEST_CASE("Retry-After is read as seconds") {
  CHECK(header("120") == wait{120s});
  CHECK(header(" 0\r\n") == wait{0s});
  CHECK(header("86400") == wait{24h});
  CHECK(header("86401") == wait{24h});
  CHECK(header("99999999999999999999999999") == wait{24h});
}

TEST_CASE("Retry-After is read as each form of an HTTP-date") {
  CHECK(header("Sun, 06 Nov 1994 08:50:37 GMT") == wait{60s});
  CHECK(header("Sunday, 06-Nov-94 08:50:37 GMT") == wait{60s});
  CHECK(header("Sun Nov  6 08:50:37 1994") == wait{60s});
  CHECK(header("Sun, 06 Nov 1994 08:00:00 GMT") == wait{0s});
  CHECK(header("Fri, 31 Dec 2094 23:59:59 GMT") == wait{24h});
}

TEST_CASE("a Retry-After that is neither is as good as none") {
  for (auto value : {"", "-1", "1.5", "7up", "soon", "1 2", "12:00",
                     "Sun, 99 Foo 1994 08:50:37 GMT", "0x10"})
    CHECK_MESSAGE(header(value) == std::nullopt, value);
  CHECK(header(std::string(1000, '1')) == std::nullopt);
}

TEST_CASE("retry_after_ms is read out of a Matrix error") {
  CHECK(parse_retry_after_ms(
          R"({"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2000})")
        == wait{2s});
  CHECK(parse_retry_after_ms(R"({"retry_after_ms":18446744073709551615})")
        == wait{24h});
  for (auto body :
       {"", "{", "[]", "7", R"({"retry_after_ms":"2"})",
        R"({"retry_after_ms":-1})", R"({"retry_after_ms":null})",
        R"({"a":{"retry_after_ms":1}})", "{\"retry_after_ms\":\xff"})
    CHECK_MESSAGE(parse_retry_after_ms(body) == std::nullopt, body);
  CHECK(parse_retry_after_ms(std::string(60'000, '[')) == std::nullopt);
  CHECK(
    parse_retry_after_ms(std::string(60'000, '[') + std::string(60'000, ']'))
    == std::nullopt);
}

TEST_CASE("a refusal says how long to wait, if the service does") {
  const std::string body = R"({"retry_after_ms":1500})";
  CHECK(asked(429, "Retry-After: 7\r\n") == wait{7s});
  CHECK(asked(503, "retry-after:7\r\n") == wait{7s});
  CHECK(asked(429, "", body) == wait{1500ms});
  CHECK(asked(429, "Retry-After: 7\r\n", body) == wait{7s});
  CHECK(asked(503, "", body) == std::nullopt);
  CHECK(asked(200, "Retry-After: 7\r\n") == std::nullopt);
  CHECK(asked(500, "") == std::nullopt);
}

TEST_CASE("an interim answer's Retry-After is not the answer's") {
  http_peer peer{http_peer::sending("HTTP/1.1 103 Early Hints\r\n"
                                    "Retry-After: 9\r\n\r\n"
                                    "HTTP/1.1 503 No\r\n"
                                    "Content-Length: 0\r\n\r\n")};
  auto client = open_client();
  auto got = ask(*client, to(peer.base()));
  CHECK(got->status == 503);
  CHECK(got->retry_after == std::nullopt);
}

TEST_CASE("sizes, spans and URLs are shown short") {
  CHECK(shown(60s) == "60s");
  CHECK(shown(1500ms) == "1500ms");
  CHECK(shown_size(1024 * 1024) == "1 MiB");
  CHECK(shown_size(3 * 1024) == "3 KiB");
  CHECK(shown_size(100) == "100 bytes");
  CHECK(shown_base("http://a:b@c@host/p@q") == "http://host/p@q");
  CHECK(shown_base("unix:/run/a\nb") == "unix:/run/a b");
  CHECK(shown_base("http://" + std::string(500, 'x')).size() == 200);
}

TEST_CASE("a kept connection that has died, and no new one, is an unreachable "
          "service") {
  exchange sent;
  sent.base = "http://bridge:1";
  ending how;
  how.code = CURLE_COULDNT_CONNECT;
  how.connect_errno = ECONNREFUSED;
  how.connected = true;
  answer result;
  judge(sent, how, result);
  CHECK(result.what == outcome::unreachable);
  CHECK(result.detail == "connection refused by http://bridge:1");
}

TEST_SUITE_END();
