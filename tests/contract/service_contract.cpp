// SPDX-License-Identifier: Apache-2.0
// What is known of a service: numbers, pause, failures, counters.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;
using namespace std::chrono_literals;

TEST_SUITE_BEGIN("store: services");

TEST_CASE("a service keeps its number for ever") {
  workbench bench;
  auto enroll = [&](std::vector<std::string> ids) {
    auto answer = bench.done(storage::enroll{std::move(ids)});
    return std::get<storage::enrolled>(answer).numbers;
  };
  auto first = enroll({"irc", "log", "irc"});
  REQUIRE(first.size() == 3);
  CHECK(first[0] == first[2]);
  CHECK(first[0] != first[1]);
  bench.rig->reopen();
  auto second = enroll({"log", "new", "irc"});
  CHECK(second[0] == first[1]);
  CHECK(second[2] == first[0]);
  CHECK(second[1] != first[0]);
  CHECK(second[1] != first[1]);
  auto rows = bench.it().services();
  REQUIRE(rows);
  REQUIRE(rows->size() == 3);
  CHECK((*rows)[0].id == "irc");
  CHECK((*rows)[2].id == "new");
}

TEST_CASE("an id that is empty or endless is refused, and those beside it") {
  workbench bench;
  CHECK(is(bench.refused(storage::enroll{{"irc", ""}}), ec::bad_config));
  CHECK(is(bench.refused(storage::enroll{{"irc", std::string(600, 'x')}}),
           ec::bad_config));
  bench.rig->reopen();
  CHECK(bench.it().services()->empty());
}

TEST_CASE("a paused service is sent nothing and loses nothing") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(150));
  bench.route_all({irc});
  auto out = bench.next(irc);
  bench.done(storage::set_paused{irc, true});
  bench.rig->reopen();
  CHECK(bench.row(irc).paused);
  CHECK(!bench.next(irc));
  // What was on its way when the pause began may still arrive.
  CHECK(!bench.complete(irc, out->txn_id));
  CHECK(!bench.row(irc).open);
  CHECK(bench.row(irc).pending_events == 50);
  bench.append(numbered(10, 151));
  bench.route_all({irc}, true);
  CHECK(!bench.next(irc));
  bench.rig->reopen();
  bench.done(storage::set_paused{irc, false});
  auto rest = numbers_in(bench.drain(irc));
  CHECK(rest.size() == 60);
  CHECK(rest.front() == 101);
  CHECK(is(bench.refused(storage::set_paused{99, true}), ec::unknown_service));
}

TEST_CASE("a transaction that was open when a pause began is sent as it was "
          "afterwards") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(5));
  bench.route_all({irc});
  auto out = bench.next(irc);
  bench.done(storage::set_paused{irc, true});
  bench.rig->reopen();
  bench.append(numbered(5, 6));
  bench.route_all({irc}, true);
  bench.done(storage::set_paused{irc, false});
  CHECK(bench.next(irc)->txn_id == out->txn_id);
  CHECK(bench.next(irc)->body == out->body);
}

TEST_CASE("a failure is remembered until a success") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  bench.route_all({irc});
  auto out = bench.next(irc);
  CHECK(out->failures == 0);
  auto failed_at = bench.rig->wall_now;
  bench.fail(irc, out->txn_id, 3);
  bench.rig->wall_now += 1min;
  bench.rig->reopen();
  auto row = bench.row(irc);
  CHECK(row.failures == 3);
  CHECK(row.last_error == "refused 502: bad gateway");
  CHECK(row.last_failure == failed_at);
  CHECK(row.next_attempt == failed_at + 2s);
  CHECK(row.open);
  out = bench.next(irc);
  CHECK(out->failures == 3);
  CHECK(out->next_attempt == failed_at + 2s);
  bench.complete(irc, out->txn_id);
  bench.rig->reopen();
  row = bench.row(irc);
  CHECK(row.failures == 0);
  CHECK(row.last_error == "refused 502: bad gateway");
  CHECK(row.last_failure == failed_at);
  CHECK(row.last_success == failed_at + 1min);
  CHECK(row.txn_id == out->txn_id);
}

TEST_CASE("an endless error line is cut, not inside a character") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  bench.route_all({irc});
  setback what;
  what.txn_id = bench.next(irc)->txn_id;
  what.what = outcome::broken;
  for (int i = 0; i < 1'000; ++i)
    what.detail += "\xc3\xa9";
  bench.done(storage::fail{bench.claim_of(irc), what});
  bench.rig->reopen();
  auto line = bench.row(irc).last_error;
  CHECK(line.size() > 400);
  CHECK(line.size() <= 500);
  CHECK(line.substr(line.size() - 2) == "\xc3\xa9");
}

TEST_CASE("counters and ages follow what is routed and delivered") {
  workbench bench;
  auto irc = bench.service("irc");
  auto start = bench.rig->wall_now;
  bench.limits.max_events = 15;
  bench.append(numbered(10));
  bench.rig->wall_now += 1min;
  bench.append(numbered(10, 11));
  bench.route_all({irc});
  bench.rig->reopen();
  auto row = bench.row(irc);
  CHECK(row.pending_events == 20);
  CHECK(row.pending_bytes == 9 * 7 + 11 * 8);
  CHECK(row.oldest == start);
  CHECK(row.delivered_events == 0);
  auto out = bench.next(irc);
  CHECK(out->oldest == start);
  CHECK(bench.row(irc).pending_events == 20);
  out = bench.complete(irc, out->txn_id);
  CHECK(out->oldest == start + 1min);
  bench.rig->reopen();
  row = bench.row(irc);
  CHECK(row.pending_events == 5);
  CHECK(row.pending_bytes == 5 * 8);
  CHECK(row.oldest == start + 1min);
  CHECK(row.delivered_events == 15);
  CHECK(row.delivered_transactions == 1);
  bench.complete(irc, out->txn_id);
  row = bench.row(irc);
  CHECK(row.pending_events == 0);
  CHECK(row.pending_bytes == 0);
  CHECK(row.delivered_events == 20);
}

TEST_CASE("the age of copied items is that of the oldest") {
  workbench bench;
  auto irc = bench.service("irc");
  auto start = bench.rig->wall_now;
  bench.append(numbered(2));
  bench.rig->wall_now += 1min;
  bench.append(numbered(2));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{2, 0, 1}, {1, 0, 1}}, 2, 0});
  bench.done(storage::route{what});
  bench.rig->reopen();
  CHECK(bench.row(irc).oldest == start);
  CHECK(bench.next(irc)->oldest == start);
}

TEST_CASE("a store has an id of its own that stays") {
  workbench bench;
  auto id = bench.stat().id;
  CHECK(id.size() == 16);
  bench.rig->reopen();
  CHECK(bench.stat().id == id);
  bench.rig->start_over();
  CHECK(bench.stat().id != id);
}

TEST_CASE("a refused mutation leaves those around it alone") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  bench.route_all({irc});
  auto out = bench.next(irc);
  std::vector<storage::mutation> work{
    storage::append{make_batch("irc", "x", numbered(1), 1)},
    storage::complete{bench.claim_of(irc), "wrong", bench.limits},
    storage::complete{bench.claim_of(irc), out->txn_id, bench.limits},
    storage::set_paused{77, true},
    storage::append{make_batch("irc", "y", numbered(1), 1)}};
  auto answers = bench.it().commit(work);
  REQUIRE(answers.size() == 5);
  CHECK(answers[0]);
  CHECK(!answers[1]);
  CHECK(answers[2]);
  CHECK(!answers[3]);
  CHECK(answers[4]);
  bench.rig->reopen();
  CHECK(bench.page().entries.size() == 2);
  CHECK(bench.row(irc).pending_events == 0);
}

TEST_SUITE_END();
