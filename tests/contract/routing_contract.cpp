// SPDX-License-Identifier: Apache-2.0
// From the pool into the queues.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;

TEST_SUITE_BEGIN("store: routing");

TEST_CASE("a routing moves the cursor and the queues in one step") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(3), "irc");
  bench.append(numbered(2, 4), "irc");
  auto got = bench.route_all({irc});
  CHECK(got.services == std::vector{irc});
  bench.rig->reopen();
  CHECK(bench.it().cursor() == std::uint64_t{2});
  CHECK(bench.page().entries.empty());
  CHECK(bench.stat().pool_batches == 0);
  CHECK(bench.row(irc).pending_events == 5);
  CHECK(numbers_in(bench.drain(irc)) == up_to(5));
}

TEST_CASE("a routing that starts where the cursor is not is refused") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{1, 0, 1}}, 1, 0});
  bench.done(storage::route{what});
  bench.rig->reopen();
  CHECK(is(bench.refused(storage::route{what}), ec::fenced));
  CHECK(bench.row(irc).pending_events == 1);
}

TEST_CASE("a routing under an old epoch is refused") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{1, 0, 1}}, 1, 0});
  bench.lease("sorter");
  bench.rig->reopen();
  CHECK(is(bench.refused(storage::route{what}), ec::fenced));
  CHECK(bench.it().cursor() == std::uint64_t{0});
  CHECK(bench.row(irc).pending_events == 0);
}

TEST_CASE("a routing to a service nobody knows is refused as a whole") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(2));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{1, 0, 1}}, 1, 0});
  what->parcels.push_back({{irc, irc + 7}, {{1, 1, 1}}, 1, 0});
  CHECK(is(bench.refused(storage::route{what}), ec::unknown_service));
  bench.rig->reopen();
  CHECK(bench.row(irc).pending_events == 0);
  CHECK(bench.page().entries.size() == 1);
}

TEST_CASE("a routing that names what is not there is refused as a whole") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(2));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{1, 0, 1}}, 1, 0});
  SUBCASE("an item behind the last") {
    what->parcels.push_back({{irc}, {{1, 1, 2}}, 2, 0});
  }
  SUBCASE("a batch behind the last") {
    what->parcels.push_back({{irc}, {{2, 0, 1}}, 1, 0});
  }
  SUBCASE("a cursor behind the last batch") {
    what->to = 2;
  }
  bench.refused(storage::route{what});
  bench.rig->reopen();
  CHECK(bench.row(irc).pending_events == 0);
  CHECK(bench.it().cursor() == std::uint64_t{0});
}

TEST_CASE("an event for several services is stored once") {
  workbench bench;
  std::vector<service_no> all;
  for (auto id : {"a", "b", "c", "d"})
    all.push_back(bench.service(id));
  bench.append({event_of(100'000)});
  auto alone = bench.stat().used_bytes;
  bench.route_all(all);
  bench.rig->reopen();
  CHECK(bench.stat().used_bytes == alone);
  for (auto each : all) {
    CHECK(bench.stat().used_bytes == alone);
    CHECK(bench.drain(each).size() == 1);
  }
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("one batch in place for services of several parcels stays until the "
          "last has it") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  bench.append(numbered(2));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{1, 0, 2}}, 2, 0});
  what->parcels.push_back({{log}, {{1, 0, 2}}, 2, 0});
  bench.done(storage::route{what});
  CHECK(numbers_in(bench.drain(irc)) == up_to(2));
  bench.rig->reopen();
  CHECK(numbers_in(bench.drain(log)) == up_to(2));
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("items for nobody leave with the routing that passes them") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append({event_of(50'000)});
  bench.append(numbered(3));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{2, 1, 1}}, 1, 0});
  what->parcels.push_back({{}, {{2, 2, 1}}, 1, 0});
  bench.done(storage::route{what});
  bench.rig->reopen();
  CHECK(bench.stat().used_bytes < 5'000);
  CHECK(numbers_in(bench.drain(irc)) == std::vector{2});
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("regrouping items of mixed destinations keeps each service's "
          "order") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  // Odd events are for irc, those of the first half for log: four kinds of
  // parcel, each with pieces of many batches.
  constexpr int batches = 20;
  for (int i = 0; i < batches; ++i)
    bench.append(numbered(10, i * 10 + 1));
  auto what = bench.routing_of_pool();
  parcel both{{irc, log}, {}, 0, 0};
  parcel odd{{irc}, {}, 0, 0};
  parcel half{{log}, {}, 0, 0};
  std::vector<int> for_irc;
  std::vector<int> for_log;
  for (int n = 1; n <= batches * 10; ++n) {
    piece each{static_cast<std::uint64_t>((n - 1) / 10 + 1),
               static_cast<std::uint32_t>((n - 1) % 10), 1};
    auto is_odd = n % 2 == 1;
    // A parcel is appended as a whole: what comes later must lie in later ones.
    if (n <= 100) {
      (is_odd ? both : half).pieces.push_back(each);
      for_log.push_back(n);
    } else if (is_odd) {
      odd.pieces.push_back(each);
    }
    if (is_odd)
      for_irc.push_back(n);
  }
  what->parcels = {both, half, odd};
  bench.done(storage::route{what});
  bench.rig->reopen();
  CHECK(numbers_in(bench.drain(irc)) == for_irc);
  auto log_order = numbers_in(bench.drain(log));
  CHECK(std::vector(log_order.begin(), log_order.begin() + 50)
        == std::vector(for_irc.begin(), for_irc.begin() + 50));
  std::sort(log_order.begin(), log_order.end());
  CHECK(log_order == for_log);
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("copied items fill several records where they are many") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append({event_of(30'000), event_of(30'001), event_of(30'002)});
  bench.append({event_of(200'000), event_of(40'000), event_of(9)});
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{1, 0, 3}, {2, 0, 3}}, 6, 0});
  bench.done(storage::route{what});
  bench.rig->reopen();
  CHECK(bench.row(irc).pending_bytes == 30'000 + 30'001 + 30'002 + 240'009);
  auto out = bench.next(irc);
  std::string body = "{\"events\":[";
  for (auto size : {30'000, 30'001, 30'002, 200'000, 40'000, 9})
    body += event_of(static_cast<std::size_t>(size)).second + ",";
  body.back() = ']';
  CHECK(out->body == body + "}");
  CHECK(!bench.complete(irc, out->txn_id));
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("a routing cuts for services that are up and idle, where it may") {
  workbench bench;
  auto idle = bench.service("idle");
  auto down = bench.service("down");
  auto busy = bench.service("busy");
  auto paused = bench.service("paused");
  auto other = bench.service("other");
  bench.append(numbered(1));
  bench.route_all({down, busy});
  bench.fail(down, bench.next(down)->txn_id);
  auto open = bench.next(busy)->txn_id;
  bench.done(storage::set_paused{paused, true});
  bench.append(numbered(1, 2));
  auto what = bench.routing_of_pool();
  what->parcels.push_back(
    {{idle, down, busy, paused, other}, {{2, 0, 1}}, 1, 0});
  for (auto each : {idle, down, busy, paused})
    what->addressees.push_back({each, bench.limits, true});
  what->addressees.push_back({other, bench.limits, false});
  const auto woken = std::get<routed>(bench.done(storage::route{what}));
  bench.rig->reopen();
  CHECK(bench.row(idle).open);
  CHECK(bench.row(busy).txn_id == open);
  CHECK(!bench.row(paused).open);
  CHECK(!bench.row(other).open);
  const auto cut = bench.next(idle);
  CHECK(cut->txn_id == bench.row(idle).txn_id);
  // It is the same that the sorter may hand over.
  REQUIRE(woken.handed.size() == 1);
  CHECK(woken.handed[0].who.service == idle);
  CHECK(woken.handed[0].who.epoch == bench.claim_of(idle).epoch);
  CHECK(woken.handed[0].what->txn_id == cut->txn_id);
  CHECK(woken.handed[0].what->number == cut->number);
  CHECK(woken.handed[0].what->body == cut->body);
}

TEST_CASE("a later transaction of a service has a greater number, whoever "
          "answers it") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  auto first = bench.route_all({irc}, true).handed.at(0).what;
  bench.append(numbered(1, 2));
  CHECK(bench.route_all({irc}, true).handed.empty());
  auto second = bench.complete(irc, first->txn_id);
  CHECK(second->number > first->number);
  bench.rig->reopen();
  CHECK(bench.next(irc)->number == second->number);
  CHECK(!bench.complete(irc, second->txn_id));
  bench.append(numbered(1, 3));
  CHECK(bench.route_all({irc}, true).handed.at(0).what->number
        > second->number);
}

TEST_CASE("a routing hands over a mebibyte at most; the rest is asked for") {
  workbench bench;
  std::vector<service_no> all;
  for (int i = 0; i < 5; ++i)
    all.push_back(bench.service("s" + std::to_string(i)));
  bench.append({event_of(300'000)});
  auto woken = bench.route_all(all, true);
  CHECK(woken.services == all);
  REQUIRE(woken.handed.size() == 3);
  for (auto who : all)
    CHECK(bench.row(who).open);
  CHECK(bench.next(all[4])->body == woken.handed[0].what->body);
}

TEST_CASE("what another node delivers is not handed over") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.done(storage::give_lease{"service/irc", bench.epochs.at(irc)});
  bench.lease("service/irc", "b");
  bench.append(numbered(1));
  auto woken = bench.route_all({irc}, true);
  CHECK(woken.elsewhere == std::vector<service_no>{irc});
  CHECK(woken.handed.empty());
}

TEST_CASE("a routing sees what the same commit appended") {
  workbench bench;
  auto irc = bench.service("irc");
  auto what = std::make_shared<routing>();
  what->epoch = bench.sorter;
  what->to = 2;
  what->parcels.push_back({{irc}, {{1, 1, 1}, {2, 0, 2}}, 3, 0});
  std::vector<storage::mutation> work{
    storage::append{make_batch("", "1", numbered(2, 0), 1)},
    storage::append{make_batch("", "2", numbered(2, 2), 1)},
    storage::route{what}};
  for (auto& answer : bench.it().commit(work))
    CHECK(answer);
  bench.rig->reopen();
  CHECK(numbers_in(bench.drain(irc)) == up_to(3));
}

TEST_SUITE_END();
