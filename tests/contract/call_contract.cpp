// SPDX-License-Identifier: Apache-2.0
// What a service's owner on another node is asked through the store.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;
using namespace std::chrono_literals;

namespace {

/// The sorter is at a, the service at b.
struct apart : workbench {
  apart() {
    irc = service("irc");
    done(storage::give_lease{"service/irc", epochs[irc]});
    epochs[irc] = lease("service/irc", "b");
  }

  std::vector<service_call> taken(const std::string& node) {
    auto answer = done(storage::take_calls{sessions.at(node)});
    return std::get<storage::calls>(answer).what;
  }

  bool is_called(const std::string& node) {
    auto answer = it().is_called(sessions.at(node));
    REQUIRE(answer);
    return *answer;
  }

  service_no irc = 0;
};

} // namespace

TEST_SUITE_BEGIN("store: calls");

TEST_CASE("a routing calls the owner of a service that is another node") {
  apart bench;
  CHECK(!bench.is_called("b"));
  bench.append(numbered(3));
  bench.route_all({bench.irc}, true);
  CHECK(bench.is_called("b"));
  CHECK(!bench.is_called("a"));
  auto calls = bench.taken("b");
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].service == bench.irc);
  CHECK(calls[0].asks(call_kind::wake));
  CHECK(!calls[0].asks(call_kind::retry));
  CHECK(!bench.is_called("b"));
  CHECK(bench.taken("b").empty());
}

TEST_CASE("a routing cuts for services of its own node only, and calls nobody "
          "for those") {
  apart bench;
  auto log = bench.service("log");
  bench.append(numbered(3));
  bench.route_all({bench.irc, log}, true);
  CHECK(bench.row(log).open);
  CHECK(!bench.row(bench.irc).open);
  CHECK(!bench.is_called("a"));
  CHECK(bench.next(bench.irc)->events == 3);
}

TEST_CASE("pausing tells the owner, and of pause and resume the later counts") {
  apart bench;
  bench.done(storage::set_paused{bench.irc, true});
  bench.done(storage::set_paused{bench.irc, false});
  auto calls = bench.taken("b");
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].asks(call_kind::resume));
  CHECK(!calls[0].asks(call_kind::pause));
  bench.done(storage::set_paused{bench.irc, false});
  CHECK(bench.taken("b").empty());
}

TEST_CASE("a retry that is asked for says whether a transaction is open") {
  apart bench;
  auto ask = [&] {
    auto answer = bench.done(storage::call{bench.irc, call_kind::retry});
    return std::get<storage::called>(answer).open;
  };
  CHECK(!ask());
  bench.append(numbered(1));
  bench.route_all({bench.irc});
  bench.next(bench.irc);
  CHECK(ask());
  auto calls = bench.taken("b");
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].asks(call_kind::retry));
  CHECK(calls[0].asks(call_kind::wake));
  CHECK(is(bench.refused(storage::call{99, call_kind::retry}),
           ec::unknown_service));
}

TEST_CASE("a skip that is asked for is of the transaction that is open, and of "
          "two the later counts") {
  apart bench;
  auto ask = [&] {
    auto answer = bench.done(storage::call{bench.irc, call_kind::skip});
    return std::get<storage::called>(answer);
  };
  CHECK(!ask().open);
  CHECK(!bench.is_called("b"));
  bench.append(numbered(150));
  bench.route_all({bench.irc});
  bench.taken("b");
  auto first = bench.next(bench.irc);
  CHECK(ask().open);
  CHECK(ask().owned);
  auto second = bench.complete(bench.irc, first->txn_id);
  REQUIRE(second);
  CHECK(ask().open);
  bench.done(storage::call{bench.irc, call_kind::wake});
  auto calls = bench.taken("b");
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].asks(call_kind::skip));
  CHECK(calls[0].transaction == static_cast<std::uint32_t>(second->number));
  CHECK(calls[0].transaction != static_cast<std::uint32_t>(first->number));
}

TEST_CASE("what was asked of a node that is gone is not asked of the next") {
  apart bench;
  bench.done(storage::call{bench.irc, call_kind::retry});
  auto before = bench.sessions["b"];
  bench.session("b");
  CHECK(!bench.is_called("b"));
  bench.sessions["b"] = before;
  CHECK(!bench.is_called("b"));
}

TEST_CASE("where nobody owns a service, nobody is called") {
  apart bench;
  bench.done(storage::give_lease{"service/irc", bench.epochs[bench.irc]});
  auto answer = bench.done(storage::call{bench.irc, call_kind::retry});
  CHECK(!std::get<storage::called>(answer).owned);
  CHECK(!bench.is_called("a"));
  CHECK(!bench.is_called("b"));
}

TEST_SUITE_END();
