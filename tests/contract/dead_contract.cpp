// SPDX-License-Identifier: Apache-2.0
// Transactions that are given up, and items that are set aside.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace posthorn;
using namespace posthorn::contract;

namespace {

outbound_ptr recut(workbench& bench, service_no who, const std::string& id,
                   recut_reason why = recut_reason::refused) {
  return std::get<outbound_ptr>(
    bench.done(storage::recut{bench.claim_of(who), id, bench.limits, why}));
}

outbound_ptr set_aside(workbench& bench, service_no who, const std::string& id,
                       const std::string& reason = "HTTP 400") {
  return std::get<outbound_ptr>(bench.done(
    storage::set_aside{bench.claim_of(who), id, bench.limits, reason}));
}

storage::moved replay(workbench& bench, service_no who,
                      const std::string& id = "") {
  return std::get<storage::moved>(bench.done(storage::replay{who, id}));
}

storage::moved drop(workbench& bench, service_no who, const std::string& id) {
  return std::get<storage::moved>(bench.done(storage::drop{who, id}));
}

std::vector<dead_letter> letters(workbench& bench, service_no who) {
  dead_query what;
  what.service = who;
  what.with_json = true;
  auto page = bench.it().dead_letters(what);
  REQUIRE(page);
  return page->letters;
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> result;
  for (int i = first; i <= last; ++i)
    result.push_back(i);
  return result;
}

} // namespace

TEST_SUITE_BEGIN("store: dead letters");

TEST_CASE("D13: a transaction that is too large is cut into halves under new "
          "ids until its items are through, also over reopenings") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(150));
  bench.route_all({irc});
  auto out = bench.next(irc);
  CHECK(out->items == 100);
  std::set<std::string> ids{out->txn_id};
  bench.rig->reopen();
  out = recut(bench, irc, out->txn_id, recut_reason::too_large);
  CHECK(out->items == 50);
  CHECK_FALSE(out->suspect);
  CHECK(ids.insert(out->txn_id).second);
  bench.rig->reopen();
  CHECK(bench.next(irc)->txn_id == out->txn_id);
  CHECK(bench.next(irc)->body == out->body);
  out = recut(bench, irc, out->txn_id, recut_reason::too_large);
  std::vector<std::string> bodies;
  std::vector<std::uint64_t> sizes;
  while (out) {
    CHECK(ids.insert(out->txn_id).second);
    bodies.push_back(out->body);
    sizes.push_back(out->items);
    bench.rig->reopen();
    out = bench.complete(irc, out->txn_id);
  }
  CHECK(numbers_in(bodies) == up_to(150));
  CHECK(sizes == std::vector<std::uint64_t>{25, 25, 25, 25, 50});
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE(
  "D13: the bytes of a transaction that was too large are halved, too") {
  workbench bench;
  auto irc = bench.service("irc");
  std::vector<raw_item> items;
  for (int i = 0; i < 2; ++i)
    items.push_back(event_of(50'000));
  for (int i = 0; i < 8; ++i)
    items.push_back(event_of(100));
  bench.append(items);
  bench.route_all({irc});
  auto out = bench.next(irc);
  bench.rig->reopen();
  out = recut(bench, irc, out->txn_id, recut_reason::too_large);
  CHECK(out->items == 1);
}

TEST_CASE(
  "D13: a refused transaction is halved where the refused item must be, "
  "over reopenings, and the item is set aside") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(120));
  bench.route_all({irc});
  constexpr int bad = 61;
  std::vector<std::string> bodies;
  auto out = bench.next(irc);
  int tries = 0;
  while (out) {
    bench.rig->reopen();
    REQUIRE(bench.next(irc)->txn_id == out->txn_id);
    auto numbers = numbers_in({out->body});
    auto refused
      = std::find(numbers.begin(), numbers.end(), bad) != numbers.end();
    ++tries;
    if (!refused) {
      bodies.push_back(out->body);
      out = bench.complete(irc, out->txn_id);
    } else if (out->items > 1) {
      out = recut(bench, irc, out->txn_id);
      CHECK(out->suspect);
    } else {
      out = set_aside(bench, irc, out->txn_id);
    }
  }
  auto expected = up_to(120);
  expected.erase(expected.begin() + bad - 1);
  CHECK(numbers_in(bodies) == expected);
  CHECK(tries <= 1 + 10 + 1);
  bench.rig->reopen();
  auto dead = letters(bench, irc);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].json == "{\"n\":61}");
  auto row = bench.row(irc);
  CHECK(row.pending_events == 0);
  CHECK(row.delivered_events == 119);
  CHECK(row.dead_items == 1);
}

TEST_CASE("a dead letter keeps bytes, kind, reason, times and transaction, and "
          "counts as used") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  std::vector<raw_item> items{{item_kind::event, "{\"a\": 1.0}"},
                              {item_kind::to_device, "{\"b\":\"x\"}"}};
  bench.append(items);
  bench.route_all({irc, log});
  auto out = bench.next(irc);
  bench.fail(irc, out->txn_id, 7);
  auto received = bench.rig->wall_now;
  bench.rig->wall_now += std::chrono::hours{1};
  CHECK_FALSE(set_aside(bench, irc, out->txn_id, "HTTP 400: no"));
  bench.drain(log);
  bench.rig->reopen();
  auto dead = letters(bench, irc);
  REQUIRE(dead.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(dead[i].kind == items[i].first);
    CHECK(dead[i].json == items[i].second);
    CHECK(dead[i].reason == "HTTP 400: no");
    CHECK(dead[i].txn_id == out->txn_id);
    CHECK(dead[i].received == received);
    CHECK(dead[i].set_aside == bench.rig->wall_now);
  }
  CHECK(dead[0].number < dead[1].number);
  CHECK(letters(bench, log).empty());
  CHECK(bench.stat().dead_items == 2);
  CHECK(bench.stat().used_bytes > 0);
  // Nothing is left that has failed.
  CHECK(bench.row(irc).failures == 0);
  CHECK_FALSE(bench.row(irc).open);
  CHECK(bench.row(irc).dead_bytes == dead[0].size + dead[1].size);
}

TEST_CASE("a reason is cut to 500 bytes, not inside a character") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  bench.route_all({irc});
  std::string reason = "x";
  while (reason.size() < 2000)
    reason += "\xc3\xa4";
  set_aside(bench, irc, bench.next(irc)->txn_id, reason);
  bench.rig->reopen();
  CHECK(letters(bench, irc).at(0).reason == reason.substr(0, 499));
}

TEST_CASE("failures are kept over recut and set_aside as long as something "
          "waits, and the next attempt is due") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(3));
  bench.route_all({irc});
  auto out = bench.next(irc);
  setback what;
  what.txn_id = out->txn_id;
  what.failures = 5;
  what.refusals = 4;
  what.doubts = 1;
  what.next_attempt = bench.rig->wall_now + std::chrono::hours{1};
  bench.done(storage::fail{bench.claim_of(irc), what});
  bench.rig->reopen();
  CHECK(bench.next(irc)->refusals == 4);
  CHECK(bench.next(irc)->doubts == 1);
  out = recut(bench, irc, out->txn_id);
  bench.rig->reopen();
  out = bench.next(irc);
  CHECK(out->failures == 5);
  CHECK(out->refusals == 0);
  CHECK(out->doubts == 0);
  CHECK(out->next_attempt <= bench.rig->wall_now);
  out = set_aside(bench, irc, out->txn_id);
  CHECK(out->failures == 5);
  CHECK(bench.complete(irc, out->txn_id) == nullptr);
  CHECK(bench.row(irc).failures == 0);
}

TEST_CASE("only the open transaction is given up or set aside, and only under "
          "the lease") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(10));
  bench.route_all({irc});
  auto out = bench.next(irc);
  auto who = bench.claim_of(irc);
  auto id = out->txn_id;
  auto stale = who;
  --stale.epoch;
  using storage::set_aside;
  CHECK(is(bench.refused(storage::recut{who, "x-1", bench.limits}),
           ec::unknown_transaction));
  CHECK(is(bench.refused(set_aside{who, "x-1", bench.limits, ""}),
           ec::unknown_transaction));
  CHECK(is(bench.refused(storage::recut{stale, id, bench.limits}), ec::fenced));
  CHECK(is(bench.refused(set_aside{stale, id, bench.limits, ""}), ec::fenced));
  CHECK(is(bench.refused(set_aside{stale, "", bench.limits, ""}), ec::fenced));
  bench.rig->reopen();
  CHECK(bench.next(irc)->txn_id == id);
  // Whichever is open, and then none.
  CHECK_FALSE(::set_aside(bench, irc, ""));
  CHECK(is(bench.refused(set_aside{who, "", bench.limits, ""}),
           ec::unknown_transaction));
  CHECK(is(bench.refused(storage::recut{who, id, bench.limits}),
           ec::unknown_transaction));
  CHECK(is(bench.refused(storage::replay{99, ""}), ec::unknown_service));
  CHECK(is(bench.refused(storage::drop{99, "x"}), ec::unknown_service));
}

TEST_CASE("a paused service can be skipped, and is sent nothing") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(120));
  bench.route_all({irc});
  bench.next(irc);
  bench.done(storage::set_paused{irc, true});
  CHECK_FALSE(set_aside(bench, irc, ""));
  bench.rig->reopen();
  CHECK(letters(bench, irc).size() == 100);
  CHECK(bench.row(irc).pending_events == 20);
  bench.done(storage::set_paused{irc, false});
  CHECK(numbers_in(bench.drain(irc)) == from_to(101, 120));
}

TEST_CASE(
  "replay puts letters at the end of the queue, in their order and under "
  "a new id, and leaves those of other transactions") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.limits.max_events = 2;
  bench.append(numbered(6));
  bench.route_all({irc});
  auto first = bench.next(irc)->txn_id;
  auto second = set_aside(bench, irc, first)->txn_id;
  auto third = set_aside(bench, irc, second)->txn_id;
  bench.rig->reopen();
  CHECK(replay(bench, irc, second).letters == 2);
  CHECK(replay(bench, irc, second).letters == 0);
  bench.rig->reopen();
  CHECK(bench.row(irc).dead_items == 2);
  CHECK(bench.row(irc).pending_events == 4);
  bench.limits.max_events = 100;
  auto out = bench.complete(irc, third);
  CHECK(numbers_in({out->body}) == from_to(3, 4));
  CHECK(out->txn_id != second);
  CHECK_FALSE(bench.complete(irc, out->txn_id));
  CHECK(replay(bench, irc).letters == 2);
  bench.rig->reopen();
  CHECK(numbers_in(bench.drain(irc)) == from_to(1, 2));
  CHECK(bench.stat().dead_items == 0);
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("many letters are moved step by step, none twice") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.limits.max_events = 10'000;
  bench.append(numbered(2'500));
  bench.route_all({irc});
  set_aside(bench, irc, bench.next(irc)->txn_id);
  bench.rig->reopen();
  std::vector<std::uint64_t> steps;
  for (storage::moved step{0, true}; step.more;) {
    step = replay(bench, irc);
    steps.push_back(step.letters);
  }
  CHECK(steps == std::vector<std::uint64_t>{1000, 1000, 500});
  CHECK(numbers_in(bench.drain(irc)) == up_to(2'500));
}

TEST_CASE("drop deletes the letters of one transaction for ever") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.limits.max_events = 2;
  bench.append(numbered(4));
  bench.route_all({irc});
  auto first = bench.next(irc)->txn_id;
  auto second = set_aside(bench, irc, first)->txn_id;
  set_aside(bench, irc, second);
  CHECK(drop(bench, irc, "").letters == 0);
  CHECK(drop(bench, irc, first).letters == 2);
  bench.rig->reopen();
  auto left = letters(bench, irc);
  REQUIRE(left.size() == 2);
  CHECK(left[0].txn_id == second);
  CHECK(drop(bench, irc, second).letters == 2);
  bench.rig->reopen();
  CHECK(letters(bench, irc).empty());
  CHECK(bench.stat().used_bytes == 0);
  CHECK(bench.row(irc).dead_bytes == 0);
}

TEST_CASE("dead letters are read page by page") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  bench.append(numbered(5));
  bench.route_all({irc, log});
  for (auto who : {irc, log})
    set_aside(bench, who, bench.next(who)->txn_id);
  bench.rig->reopen();
  dead_query what;
  what.service = irc;
  what.max = 2;
  int pages = 0;
  std::set<std::uint64_t> numbers;
  for (bool more = true; more; ++pages) {
    auto page = bench.it().dead_letters(what);
    REQUIRE(page);
    for (auto& each : page->letters) {
      CHECK(each.service == irc);
      CHECK(each.json.empty());
      CHECK(numbers.insert(each.number).second);
      what.after = each.number;
    }
    more = page->more;
  }
  CHECK(pages == 3);
  CHECK(numbers.size() == 5);
}

TEST_CASE(
  "dead letters hold room: the store closes to new events, and takes them "
  "again once they are dropped") {
  workbench bench;
  bench.rig->want.max_store = 400'000;
  bench.rig->reopen();
  auto irc = bench.service("irc");
  bench.append({event_of(300'000)});
  bench.route_all({irc});
  auto id = bench.next(irc)->txn_id;
  set_aside(bench, irc, id);
  bench.rig->reopen();
  auto big = make_batch("", "big", {event_of(200'000)});
  CHECK(is(bench.refused(storage::append{big}), ec::store_full));
  drop(bench, irc, id);
  bench.done(storage::append{big});
}

TEST_SUITE_END();
