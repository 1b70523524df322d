// SPDX-License-Identifier: Apache-2.0
// Which failures are held against a transaction, and when.
#include "actors/service/requests.hpp"
#include "actors/service/verdict.hpp"

#include <doctest/doctest.h>

using namespace posthorn;

namespace {

answer status(std::uint16_t code) {
  answer result;
  result.what = outcome::refused;
  result.status = code;
  return result;
}

answer ending(outcome what) {
  answer result;
  result.what = what;
  return result;
}

outbound of_items(std::uint64_t items, bool suspect = false) {
  outbound result;
  result.items = items;
  result.suspect = suspect;
  return result;
}

verdict about(const outbound& what) {
  verdict result;
  result.begin(what);
  return result;
}

} // namespace

namespace doctest {

template <>
struct StringMaker<ruling> {
  static String convert(ruling x) {
    return toString(static_cast<int>(x));
  }
};

} // namespace doctest

TEST_SUITE_BEGIN("verdict");

TEST_CASE(
  "401, 403, 404, 408, 425, 429 and redirects are an outage, for ever") {
  for (auto code : {301, 302, 401, 403, 404, 408, 425, 429}) {
    auto judge = about(of_items(100));
    for (int i = 0; i < 1000; ++i)
      CHECK(judge.hear(status(static_cast<std::uint16_t>(code)), 5)
            == ruling::retry);
  }
  auto judge = about(of_items(100));
  for (int i = 0; i < 1000; ++i)
    CHECK(judge.hear(ending(outcome::unreachable), 5) == ruling::retry);
}

TEST_CASE("any other 4xx is held against the transaction from the fifth on") {
  for (auto code : {400, 402, 405, 409, 410, 415, 418, 422, 451, 499}) {
    auto judge = about(of_items(2));
    for (int i = 0; i < 4; ++i)
      CHECK(judge.hear(status(static_cast<std::uint16_t>(code)), 5)
            == ruling::retry);
    CHECK(judge.hear(status(static_cast<std::uint16_t>(code)), 5)
          == ruling::bisect);
  }
}

TEST_CASE("a single item that is refused for good is set aside") {
  auto judge = about(of_items(1));
  CHECK(judge.hear(status(400), 1) == ruling::set_aside);
}

TEST_CASE("an outage in between neither counts nor clears") {
  auto judge = about(of_items(2));
  CHECK(judge.hear(status(400), 2) == ruling::retry);
  CHECK(judge.hear(ending(outcome::unreachable), 2) == ruling::retry);
  CHECK(judge.hear(status(503), 9) == ruling::retry);
  CHECK(judge.hear(status(400), 2) == ruling::bisect);
}

TEST_CASE("refusals from before a restart count") {
  auto what = of_items(2);
  what.refusals = 4;
  CHECK(about(what).hear(status(400), 5) == ruling::bisect);
}

TEST_CASE("D13: 413 is acted on at once, also where nothing is ever bisected") {
  for (std::uint32_t attempts : {0u, 5u}) {
    CHECK(about(of_items(2)).hear(status(413), attempts)
          == ruling::cut_smaller);
    CHECK(about(of_items(1)).hear(status(413), attempts) == ruling::set_aside);
  }
}

TEST_CASE("5xx and hangs condemn only between two signs of life") {
  for (auto how : {status(500), status(502), ending(outcome::timed_out),
                   ending(outcome::broken)}) {
    auto judge = about(of_items(2));
    CHECK(judge.hear(how, 3) == ruling::retry);
    CHECK(judge.hear(how, 3) == ruling::probe);
    CHECK(judge.hear_probe(true, 3) == ruling::retry);
    CHECK(judge.hear(how, 3) == ruling::probe);
    CHECK(judge.hear_probe(true, 3) == ruling::bisect);
  }
}

TEST_CASE(
  "a service that comes back during the probe has its transaction tried "
  "again first") {
  auto judge = about(of_items(1));
  for (int i = 0; i < 10; ++i)
    if (judge.hear(status(502), 3) == ruling::probe)
      CHECK(judge.hear_probe(false, 3) == ruling::retry);
  CHECK(judge.hear(status(502), 3) == ruling::probe);
  CHECK(judge.hear_probe(true, 3) == ruling::retry);
  CHECK(judge.hear(status(502), 3) == ruling::probe);
  CHECK(judge.hear_probe(true, 3) == ruling::set_aside);
}

TEST_CASE("an outage between probe and attempt takes the sign of life away") {
  auto judge = about(of_items(2));
  CHECK(judge.hear(status(500), 2) == ruling::probe);
  CHECK(judge.hear_probe(true, 2) == ruling::retry);
  CHECK(judge.hear(ending(outcome::unreachable), 2) == ruling::retry);
  CHECK(judge.hear(status(500), 2) == ruling::probe);
  CHECK(judge.hear_probe(true, 2) == ruling::retry);
}

TEST_CASE("a part of a condemned transaction is judged by one attempt") {
  auto judge = about(of_items(50, true));
  CHECK(judge.hear(status(400), 5) == ruling::bisect);
  judge.begin(of_items(50, true));
  judge.accepted();
  judge.begin(of_items(25, true));
  CHECK(judge.hear(ending(outcome::timed_out), 5) == ruling::probe);
  CHECK(judge.hear_probe(true, 5) == ruling::bisect);
}

TEST_CASE("with 0 attempts nothing is ever probed, bisected or set aside") {
  auto judge = about(of_items(2));
  for (int i = 0; i < 100; ++i) {
    CHECK(judge.hear(status(400), 0) == ruling::retry);
    CHECK(judge.hear(status(500), 0) == ruling::retry);
  }
}

TEST_CASE("D28: the v1 path is lacking on 404, unless a Matrix error says that "
          "only this endpoint is unknown") {
  auto how = status(404);
  how.body = "<html>Cannot PUT</html>";
  CHECK(lacks_v1(how));
  how.body = "";
  CHECK(lacks_v1(how));
  how.body = R"({"error":"no"})";
  CHECK(lacks_v1(how));
  how.body = R"({"errcode":"M_UNRECOGNIZED","error":"no"})";
  CHECK_FALSE(lacks_v1(how));
  how.status = 500;
  how.body = "<html>";
  CHECK_FALSE(lacks_v1(how));
}

TEST_SUITE_END();
