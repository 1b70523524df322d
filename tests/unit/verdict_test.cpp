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

TEST_CASE(
  "for what is refused an outage in between neither counts nor clears") {
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

TEST_CASE("5xx and hangs are followed by a probe from the last of the attempts "
          "on, and by none before") {
  for (auto how : {status(500), status(502), ending(outcome::timed_out),
                   ending(outcome::broken)}) {
    auto judge = about(of_items(2));
    CHECK(judge.hear(how, 3) == ruling::retry);
    CHECK(judge.hear(how, 3) == ruling::retry);
    for (int i = 0; i < 10; ++i) {
      CHECK(judge.hear(how, 3) == ruling::probe);
      CHECK(judge.hear_probe(false, 3) == ruling::retry);
    }
  }
}

TEST_CASE("a probe that is accepted always ends in a new id") {
  for (auto attempts : {0u, 1u, 2u})
    for (auto items : {1u, 2u})
      for (auto suspect : {false, true})
        for (auto alive : {false, true}) {
          auto judge = about(of_items(items, suspect));
          if (alive)
            judge.accepted();
          judge.hear(status(500), attempts);
          CHECK(judge.hear_probe(true, attempts) != ruling::retry);
        }
}

TEST_CASE(
  "doubtful attempts count in a row: an outage in between clears them") {
  auto judge = about(of_items(2));
  CHECK(judge.hear(status(500), 2) == ruling::retry);
  CHECK(judge.hear(ending(outcome::unreachable), 2) == ruling::retry);
  CHECK(judge.hear(status(500), 2) == ruling::retry);
  CHECK(judge.hear(status(404), 2) == ruling::retry);
  CHECK(judge.hear(status(500), 2) == ruling::retry);
  CHECK(judge.hear(status(500), 2) == ruling::probe);
}

TEST_CASE(
  "a single item is set aside only where its attempt stands between two "
  "signs of life; else it is tried once more under a new id") {
  // The outage may have ended between the attempt and the probe.
  auto judge = about(of_items(1));
  CHECK(judge.hear(status(502), 1) == ruling::probe);
  CHECK(judge.hear_probe(true, 1) == ruling::bisect);
  judge.begin(of_items(1, true));
  CHECK(judge.hear(status(502), 1) == ruling::probe);
  CHECK(judge.hear_probe(true, 1) == ruling::set_aside);
  // Time passes: nobody knows how the service is.
  judge.paused();
  judge.begin(of_items(1, true));
  CHECK(judge.hear(status(502), 1) == ruling::probe);
  CHECK(judge.hear_probe(true, 1) == ruling::bisect);
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

TEST_CASE("D28: the legacy path is tried after any status that is no success "
          "and says nothing of knowing the path") {
  for (auto code : {301, 400, 404, 405, 500, 501, 502})
    CHECK(suggests_legacy(status(static_cast<std::uint16_t>(code))));
  for (auto code : {401, 403, 413, 429})
    CHECK_FALSE(suggests_legacy(status(static_cast<std::uint16_t>(code))));
  for (auto how : {outcome::accepted, outcome::timed_out, outcome::broken,
                   outcome::unreachable})
    CHECK_FALSE(suggests_legacy(ending(how)));
}

TEST_SUITE_END();
