// SPDX-License-Identifier: Apache-2.0
// The search for what a service refuses, among items that come and go.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;
using namespace std::chrono_literals;

namespace {

outbound_ptr recut(workbench& bench, service_no who, const std::string& id,
                   recut_reason why = recut_reason::refused) {
  return std::get<outbound_ptr>(
    bench.done(storage::recut{bench.claim_of(who), id, bench.limits, why}));
}

/// A service that is told who types, for a minute each.
struct typists : workbench {
  typists() : irc{service("irc")} {
    limits.stable_ephemeral = true;
  }

  void typing(int subject, int n) {
    const auto position = append(
      {{item_kind::ephemeral, "{\"typing\":" + std::to_string(n) + "}"}});
    auto what = routing_of_pool();
    parcel one;
    one.to = {irc};
    one.pieces.push_back({position, 0, 1});
    one.items = 1;
    one.fresh = {static_cast<std::uint64_t>(subject), 1min};
    what->parcels.push_back(std::move(one));
    done(storage::route{what});
  }

  service_no irc;
};

} // namespace

TEST_SUITE_BEGIN("store: trials");

TEST_CASE("a probe that is about to be sent is noted, until it is known how it "
          "ended or the id is given up") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(3));
  bench.route_all({irc});
  auto out = bench.next(irc);
  auto fail = [&](bool probing) {
    setback what;
    what.txn_id = out->txn_id;
    what.failures = 5;
    what.doubts = 5;
    what.probing = probing;
    bench.done(storage::fail{bench.claim_of(irc), what});
    bench.rig->reopen();
  };
  CHECK_FALSE(out->probing);
  fail(true);
  CHECK(bench.next(irc)->probing);
  fail(false);
  CHECK_FALSE(bench.next(irc)->probing);
  fail(true);
  // The same items under another id, and no search.
  auto renewed = recut(bench, irc, out->txn_id, recut_reason::renewed);
  bench.rig->reopen();
  CHECK(bench.next(irc)->txn_id == renewed->txn_id);
  CHECK(renewed->txn_id != out->txn_id);
  CHECK(renewed->body == out->body);
  CHECK(renewed->failures == 5);
  CHECK(renewed->doubts == 5);
  CHECK_FALSE(renewed->probing);
  CHECK_FALSE(renewed->suspect);
}

TEST_CASE(
  "a single item is given up as that item under a new id, and judged at "
  "once from then on") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  bench.route_all({irc});
  auto out = bench.next(irc);
  bench.append(numbered(5, 2));
  bench.route_all({irc});
  auto again = recut(bench, irc, out->txn_id);
  bench.rig->reopen();
  again = bench.next(irc);
  CHECK(again->txn_id != out->txn_id);
  CHECK(again->body == out->body);
  CHECK(again->suspect);
  out = bench.complete(irc, again->txn_id);
  CHECK(out->items == 5);
  CHECK_FALSE(out->suspect);
}

TEST_CASE("what expires or is superseded in the middle of a search leaves it, "
          "and what is behind does not touch it") {
  typists bench;
  auto irc = bench.irc;
  bench.append(numbered(2));
  bench.route_all({irc});
  for (int i = 1; i <= 4; ++i)
    bench.typing(i, 1);
  auto out = bench.next(irc);
  REQUIRE(out->items == 6);
  out = recut(bench, irc, out->txn_id);
  CHECK(out->items == 3);
  // Behind the search, and superseded there time and again.
  for (int i = 0; i < 10; ++i)
    bench.typing(9, i);
  bench.rig->reopen();
  CHECK(bench.next(irc)->suspect);
  // In the search: its place is taken by one behind it.
  bench.typing(4, 2);
  out = recut(bench, irc, out->txn_id);
  CHECK(out->items == 2);
  out = bench.complete(irc, out->txn_id);
  CHECK(out->suspect);
  CHECK(out->items == 1);
  // All that is left of the search expires, and a new item comes.
  bench.rig->wall_now += 2min;
  bench.append(numbered(1, 3));
  bench.route_all({irc});
  out = recut(bench, irc, out->txn_id);
  CHECK(out->items == 1);
  CHECK(numbers_in({out->body}) == std::vector<int>{3});
  CHECK_FALSE(out->suspect);
}

TEST_CASE("where all that is left of a failed transaction expires, the service "
          "has no failures any more") {
  typists bench;
  auto irc = bench.irc;
  bench.typing(1, 1);
  auto out = bench.next(irc);
  bench.fail(irc, out->txn_id, 5);
  bench.rig->wall_now += 2min;
  CHECK_FALSE(recut(bench, irc, out->txn_id));
  bench.rig->reopen();
  CHECK(bench.row(irc).failures == 0);
  CHECK(bench.row(irc).pending_events == 0);
}

TEST_SUITE_END();
