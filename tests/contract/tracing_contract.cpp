// SPDX-License-Identifier: Apache-2.0
// Where an event is, as the store knows it.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;

namespace {

raw_item named(const std::string& id) {
  return {item_kind::event, R"({"type":"m.x","event_id":")" + id + "\"}"};
}

event_trace trace(workbench& bench, const std::string& id) {
  auto found = bench.it().trace({id});
  REQUIRE(found);
  return *found;
}

bool is_nowhere(const event_trace& what) {
  return what.pool.empty() && what.queues.empty() && what.dead.empty();
}

} // namespace

TEST_SUITE_BEGIN("store: tracing");

TEST_CASE("an event that is not sorted is found in the pool, with its feed") {
  workbench bench;
  bench.service("irc");
  bench.append({named("$a"), named("$b")}, "irc");
  const auto second = bench.append({named("$c")});
  const auto found = trace(bench, "$c");
  CHECK(found.complete);
  REQUIRE(found.pool.size() == 1);
  CHECK(found.pool[0].position == second);
  CHECK(found.pool[0].feed.empty());
  CHECK(trace(bench, "$a").pool.at(0).feed == "irc");
  CHECK(found.queues.empty());
  CHECK(is_nowhere(trace(bench, "$d")));
}

TEST_CASE("an event that waits is found in each service's queue, with what "
          "stands before it") {
  workbench bench;
  auto irc = bench.service("irc");
  auto tg = bench.service("tg");
  bench.append({named("$a"), named("$b")});
  bench.route_all({irc});
  bench.append({named("$c"), named("$d")});
  bench.route_all({irc, tg});
  auto found = trace(bench, "$d");
  CHECK(found.pool.empty());
  REQUIRE(found.queues.size() == 2);
  CHECK(found.queues[0].service == irc);
  CHECK(found.queues[0].before == 3);
  CHECK_FALSE(found.queues[0].open);
  CHECK(found.queues[1].service == tg);
  CHECK(found.queues[1].before == 1);
  // What is through no longer counts, also in the middle of an entry.
  bench.limits.max_events = 3;
  auto out = bench.next(irc);
  bench.complete(irc, out->txn_id);
  found = trace(bench, "$d");
  REQUIRE(found.queues.size() == 2);
  CHECK(found.queues[0].before == 0);
  CHECK(trace(bench, "$a").queues.empty());
  CHECK(trace(bench, "$c").queues.size() == 1);
}

TEST_CASE(
  "an event in the open transaction is shown with its id and failures") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append({named("$a"), named("$b"), named("$c")});
  bench.route_all({irc});
  bench.limits.max_events = 2;
  auto out = bench.next(irc);
  bench.fail(irc, out->txn_id, 4);
  auto found = trace(bench, "$b");
  REQUIRE(found.queues.size() == 1);
  CHECK(found.queues[0].open);
  CHECK(found.queues[0].txn_id == out->txn_id);
  CHECK(found.queues[0].failures == 4);
  CHECK(found.queues[0].before == 1);
  found = trace(bench, "$c");
  REQUIRE(found.queues.size() == 1);
  CHECK_FALSE(found.queues[0].open);
  CHECK(found.queues[0].before == 2);
  bench.rig->reopen();
  CHECK(trace(bench, "$b").queues.at(0).txn_id == out->txn_id);
}

TEST_CASE("a dead letter is found with its transaction and reason") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append({named("$a")});
  bench.route_all({irc});
  auto out = bench.next(irc);
  bench.done(storage::set_aside{bench.claim_of(irc), out->txn_id, bench.limits,
                                "HTTP 400"});
  const auto found = trace(bench, "$a");
  CHECK(found.queues.empty());
  REQUIRE(found.dead.size() == 1);
  CHECK(found.dead[0].service == irc);
  CHECK(found.dead[0].txn_id == out->txn_id);
  CHECK(found.dead[0].reason == "HTTP 400");
  bench.done(storage::replay{irc, {}});
  CHECK(trace(bench, "$a").dead.empty());
  CHECK(trace(bench, "$a").queues.size() == 1);
}

TEST_CASE("what was delivered is in the store no more") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append({named("$a")});
  bench.route_all({irc});
  bench.drain(irc);
  CHECK(is_nowhere(trace(bench, "$a")));
}

TEST_CASE("what was delivered of a queue that goes on is not found in it") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.limits.max_events = 1;
  for (const auto* id : {"$a", "$b", "$c"}) {
    bench.append({named(id)});
    bench.route_all({irc});
  }
  bench.complete(irc, bench.next(irc)->txn_id);
  CHECK(is_nowhere(trace(bench, "$a")));
  CHECK(trace(bench, "$b").queues.at(0).open);
  CHECK(trace(bench, "$c").queues.at(0).before == 1);
}

TEST_CASE("only the event's own id counts, and the whole of it") {
  workbench bench;
  bench.append(
    {{item_kind::event, R"({"event_id":"$ab","x":"$a"})"},
     {item_kind::event, R"({"content":{"event_id":"$a"},"event_id":"$c"})"},
     {item_kind::event, R"({"redacts":"$a"})"},
     {item_kind::ephemeral, R"({"event_id":"$a"})"}});
  CHECK(is_nowhere(trace(bench, "$a")));
  bench.append({{item_kind::event, R"({"event_id":"\u0024a"})"}});
  CHECK(trace(bench, "$a").pool.size() == 1);
}

TEST_CASE("items of several batches that lie in parcels are found") {
  workbench bench;
  auto irc = bench.service("irc");
  std::vector<parcel> parcels(1);
  for (int i = 0; i < 4; ++i) {
    const auto n = std::to_string(i);
    bench.append({named("$x" + n), named("$y" + n)});
  }
  auto what = bench.routing_of_pool();
  parcels[0].to = {irc};
  parcels[0].items = 4;
  for (std::uint32_t i = 0; i < 4; ++i) {
    parcels[0].pieces.push_back({i + 1, 1, 1});
    parcels[0].bytes += named("$y0").second.size();
  }
  what->parcels = parcels;
  what->addressees = {{irc, bench.limits, false}};
  bench.done(storage::route{what});
  CHECK(is_nowhere(trace(bench, "$x2")));
  const auto found = trace(bench, "$y2");
  REQUIRE(found.queues.size() == 1);
  CHECK(found.queues[0].before == 2);
}

TEST_CASE("a look that runs out of time or of room says so") {
  workbench bench;
  auto irc = bench.service("irc");
  for (int i = 0; i < 3; ++i)
    bench.append({named("$a")});
  bench.route_all({irc});
  auto late = bench.it().trace({"$a", std::chrono::milliseconds{0}});
  REQUIRE(late);
  CHECK_FALSE(late->complete);
  auto narrow = bench.it().trace({"$a", std::chrono::milliseconds{5'000}, 2});
  REQUIRE(narrow);
  CHECK_FALSE(narrow->complete);
  CHECK(narrow->queues.size() <= 2);
  const auto all = trace(bench, "$a");
  CHECK(all.complete);
  CHECK(all.queues.size() == 3);
}

TEST_CASE("a look goes on over many read transactions") {
  workbench bench;
  auto irc = bench.service("irc");
  for (int i = 0; i < 40; ++i)
    bench.append({event_of(400'000), named("$" + std::to_string(i))});
  bench.route_all({irc});
  const auto found = trace(bench, "$39");
  CHECK(found.complete);
  REQUIRE(found.queues.size() == 1);
  CHECK(found.queues[0].before == 79);
}

TEST_SUITE_END();
