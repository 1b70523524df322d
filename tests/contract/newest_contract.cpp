// SPDX-License-Identifier: Apache-2.0
// Items that tell of a state: only the newest waits, and some expire.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;
using namespace std::chrono_literals;

namespace {

raw_item state(int subject, int n) {
  return {item_kind::ephemeral, "{\"subject\":" + std::to_string(subject)
                                  + ",\"n\":" + std::to_string(n) + "}"};
}

/// One service that gets ephemeral items, each with a subject of its own.
struct states : workbench {
  states() : irc{service("irc")} {
    limits.stable_ephemeral = true;
  }

  /// Appends the items, and routes each under the subject of the same place.
  void tell(const std::vector<raw_item>& items,
            const std::vector<std::uint64_t>& subjects,
            std::chrono::milliseconds lifetime = 0ms,
            const std::vector<service_no>& to = {}) {
    const auto position = append(items);
    auto what = routing_of_pool();
    for (std::uint32_t i = 0; i < items.size(); ++i) {
      parcel one;
      one.to = to.empty() ? std::vector{irc} : to;
      one.pieces.push_back({position, i, 1});
      one.items = 1;
      one.fresh = {subjects[i], lifetime};
      what->parcels.push_back(std::move(one));
    }
    done(storage::route{what});
  }

  void tell(int subject, int n, std::chrono::milliseconds lifetime = 0ms) {
    tell({state(subject, n)}, {static_cast<std::uint64_t>(subject)}, lifetime);
  }

  std::string body_of(const std::vector<raw_item>& items) {
    std::string list;
    for (const auto& each : items)
      list += (list.empty() ? "" : ",") + each.second;
    return "{\"events\":[],\"ephemeral\":[" + list + "]}";
  }

  service_no irc;
};

} // namespace

TEST_SUITE_BEGIN("store: newest");

TEST_CASE("of two waiting items with one subject only the later is sent") {
  states bench;
  bench.tell(1, 1);
  bench.tell(2, 2);
  bench.tell(1, 3);
  bench.rig->reopen();
  CHECK(bench.row(bench.irc).pending_events == 2);
  auto out = bench.next(bench.irc);
  REQUIRE(out);
  CHECK(out->body == bench.body_of({state(2, 2), state(1, 3)}));
  CHECK(!bench.complete(bench.irc, out->txn_id));
  CHECK(bench.row(bench.irc).pending_events == 0);
  CHECK(bench.row(bench.irc).pending_bytes == 0);
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("what was cut is frozen: a newer item neither changes it nor is "
          "swallowed by it") {
  states bench;
  bench.tell(1, 1);
  bench.tell(2, 2);
  auto sent = bench.next(bench.irc);
  REQUIRE(sent);
  bench.fail(bench.irc, sent->txn_id);
  bench.tell(1, 3);
  bench.tell(1, 4);
  bench.rig->wall_now += 24h;
  bench.rig->reopen();
  CHECK(bench.next(bench.irc)->body == sent->body);
  CHECK(bench.next(bench.irc)->txn_id == sent->txn_id);
  auto rest = bench.complete(bench.irc, sent->txn_id);
  REQUIRE(rest);
  CHECK(rest->body == bench.body_of({state(1, 4)}));
  // The first one's end has not unhooked the newest.
  bench.tell(1, 5);
  CHECK(!bench.complete(bench.irc, rest->txn_id)->body.empty());
}

TEST_CASE("typing that came more than 30 s before a transaction is cut is not "
          "in it") {
  states bench;
  bench.tell(1, 1, 30s);
  bench.rig->wall_now += 10s;
  bench.tell(2, 2, 30s);
  bench.append(numbered(1));
  bench.route_all({bench.irc});
  bench.tell(3, 3);
  bench.rig->wall_now += 20s;
  bench.rig->reopen();
  auto out = bench.next(bench.irc);
  REQUIRE(out);
  CHECK(out->body
        == "{\"events\":[{\"n\":1}],\"ephemeral\":[" + state(2, 2).second + ","
             + state(3, 3).second + "]}");
  // Cut in time, it stays in, however long the outage is.
  bench.fail(bench.irc, out->txn_id);
  bench.rig->wall_now += 1h;
  bench.rig->reopen();
  CHECK(bench.next(bench.irc)->body == out->body);
  CHECK(!bench.complete(bench.irc, out->txn_id));
  CHECK(bench.row(bench.irc).pending_events == 0);
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("nothing but expired items makes no transaction") {
  states bench;
  for (int i = 1; i <= 50; ++i)
    bench.tell(i, i, 30s);
  bench.rig->wall_now += 31s;
  CHECK(!bench.next(bench.irc));
  CHECK(bench.row(bench.irc).pending_events == 0);
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("each service keeps its own newest of a shared item") {
  states bench;
  auto log = bench.service("log");
  bench.tell({state(1, 1)}, {1}, 0ms, {bench.irc, log});
  bench.tell({state(1, 2)}, {1}, 0ms, {log});
  bench.rig->reopen();
  CHECK(bench.drain(bench.irc) == std::vector{bench.body_of({state(1, 1)})});
  CHECK(bench.drain(log) == std::vector{bench.body_of({state(1, 2)})});
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("D25: the waiting device lists of a service outlast what another one "
          "is sent") {
  states bench;
  auto log = bench.service("log");
  const auto lists = [](const char* json) {
    return raw_item{item_kind::device_lists, json};
  };
  bench.tell({lists(R"({"changed":["@a:x"]})")}, {1}, 0ms, {bench.irc, log});
  bench.tell({lists(R"({"changed":["@b:x"]})")}, {2}, 0ms, {bench.irc});
  const std::string key = "{\"events\":[],\"org.matrix.msc3202.device_lists\":";
  CHECK(bench.drain(log)
        == std::vector{key + R"({"changed":["@a:x"],"left":[]}})"});
  bench.tell({lists(R"({"changed":["@c:x"]})")}, {3}, 0ms, {log});
  bench.drain(log);
  CHECK(bench.drain(bench.irc)
        == std::vector{key + R"({"changed":["@a:x","@b:x"],"left":[]}})"});
}

TEST_CASE("items of one routing with one subject leave the last, also where "
          "the services differ") {
  states bench;
  auto log = bench.service("log");
  // Batches of one item: each could stay where it is, were it not for its
  // subject.
  const auto first = bench.append({state(1, 1)});
  bench.append({state(1, 2)});
  bench.append({state(1, 3)});
  auto what = bench.routing_of_pool();
  const std::vector<std::vector<service_no>> to
    = {{bench.irc, log}, {bench.irc}, {bench.irc}};
  for (std::uint32_t i = 0; i < 3; ++i) {
    parcel one;
    one.to = to[i];
    one.pieces.push_back({first + i, 0, 1});
    one.fresh.subject = 1;
    what->parcels.push_back(std::move(one));
  }
  bench.done(storage::route{what});
  bench.rig->reopen();
  CHECK(bench.stat().pool_batches == 0);
  CHECK(bench.drain(bench.irc) == std::vector{bench.body_of({state(1, 3)})});
  CHECK(bench.drain(log) == std::vector{bench.body_of({state(1, 1)})});
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("an item that the sorter made is sent as it was made, and is as "
          "durable as one that came") {
  states bench;
  auto log = bench.service("log");
  auto position = bench.append({state(1, 1)});
  auto what = bench.routing_of_pool();
  parcel one;
  one.to = {bench.irc, log};
  one.made = made_item{item_kind::ephemeral, "{\"made\":1}", position};
  one.fresh = {7, 30s};
  what->parcels.push_back(one);
  bench.done(storage::route{what});
  bench.rig->reopen();
  CHECK(bench.drain(bench.irc)
        == std::vector{bench.body_of({{{}, "{\"made\":1}"}})});
  // Its age is that of the batch it was made of.
  bench.rig->wall_now += 30s;
  CHECK(bench.drain(log).empty());
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("a routing with a subject on more than one item is refused") {
  states bench;
  auto position = bench.append({state(1, 1), state(1, 2)});
  auto what = bench.routing_of_pool();
  parcel two;
  two.to = {bench.irc};
  two.pieces.push_back({position, 0, 2});
  two.fresh.subject = 1;
  what->parcels.push_back(two);
  CHECK(is(bench.refused(storage::route{what}), ec::store_failed));
  CHECK(bench.stat().sorter_cursor == 0);
}

TEST_CASE("events keep their order and number whatever is withdrawn between "
          "them") {
  states bench;
  for (int n = 1; n <= 300; ++n) {
    bench.append(numbered(1, n));
    bench.route_all({bench.irc});
    bench.tell(n % 3 + 1, n, n % 3 == 0 ? 30s : 0s);
    if (n % 50 == 0)
      bench.rig->reopen();
  }
  CHECK(bench.row(bench.irc).pending_events == 303);
  bench.rig->wall_now += 30s;
  bench.limits.max_events = 40;
  auto bodies = bench.drain(bench.irc);
  CHECK(bodies.size() == 8);
  std::vector<int> events;
  for (auto n : numbers_in(bodies))
    events.push_back(n);
  CHECK(events == up_to(300));
  CHECK(bench.row(bench.irc).pending_events == 0);
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("100,000 presence updates of 100 users while a service is down cost "
          "100 items, one transaction, and no more disk than 1,000 do") {
  states bench;
  bench.append(numbered(1));
  bench.route_all({bench.irc});
  auto down = bench.next(bench.irc);
  bench.fail(bench.irc, down->txn_id);
  std::uint64_t after_first = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<raw_item> items;
    std::vector<std::uint64_t> subjects;
    for (int i = 0; i < 1'000; ++i) {
      items.push_back(state(i % 100, round * 1'000 + i));
      subjects.push_back(static_cast<std::uint64_t>(i % 100 + 1));
    }
    bench.tell(items, subjects);
    if (round == 0)
      after_first = bench.stat().used_bytes;
  }
  CHECK(bench.row(bench.irc).pending_events == 101);
  CHECK(bench.stat().used_bytes <= after_first + 4096);
  auto out = bench.complete(bench.irc, down->txn_id);
  REQUIRE(out);
  std::vector<raw_item> expected;
  for (int user = 0; user < 100; ++user)
    expected.push_back(state(user, 99'900 + user));
  CHECK(out->body == bench.body_of(expected));
  CHECK(!bench.complete(bench.irc, out->txn_id));
  CHECK(bench.stat().used_bytes == 0);
}

TEST_SUITE_END();
