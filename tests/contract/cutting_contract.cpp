// SPDX-License-Identifier: Apache-2.0
// Transactions: how they are cut, frozen, completed and failed.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace posthorn;
using namespace posthorn::contract;

namespace {

/// Events in a body made by numbered() or event_of().
std::size_t events_in(const std::string& body) {
  std::size_t result = 0;
  for (auto mark : {"{\"n\":", "{\"x\":"})
    for (auto i = body.find(mark); i != std::string::npos;
         i = body.find(mark, i + 1))
      ++result;
  return result;
}

} // namespace

TEST_SUITE_BEGIN("store: cutting");

TEST_CASE("single events of an outage drain a hundred at a time") {
  workbench bench;
  auto irc = bench.service("irc");
  for (int n = 1; n <= 250; ++n) {
    bench.append(numbered(1, n));
    if (n % 7 == 0)
      bench.route_all({irc});
  }
  bench.route_all({irc});
  bench.rig->reopen();
  auto bodies = bench.drain(irc);
  REQUIRE(bodies.size() == 3);
  CHECK(events_in(bodies[0]) == 100);
  CHECK(events_in(bodies[1]) == 100);
  CHECK(numbers_in(bodies) == up_to(250));
}

TEST_CASE("a transaction may end in the middle of a batch") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(70));
  bench.append(numbered(70, 71));
  bench.route_all({irc});
  auto out = bench.next(irc);
  CHECK(out->events == 100);
  bench.rig->reopen();
  CHECK(bench.row(irc).pending_events == 140);
  out = bench.complete(irc, out->txn_id);
  REQUIRE(out);
  CHECK(out->events == 40);
  CHECK(bench.row(irc).pending_events == 40);
  bench.rig->reopen();
  CHECK(numbers_in({bench.next(irc)->body}).front() == 101);
  CHECK(!bench.complete(irc, out->txn_id));
  CHECK(bench.row(irc).pending_events == 0);
  CHECK(bench.row(irc).pending_bytes == 0);
}

TEST_CASE("a hundred events of 60,000 bytes go 17 at a time under 1 MiB") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(std::vector<raw_item>(100, event_of(60'000)));
  bench.route_all({irc});
  bench.rig->reopen();
  auto bodies = bench.drain(irc);
  REQUIRE(bodies.size() == 6);
  for (auto& body : bodies) {
    CHECK(body.size() <= 1024 * 1024);
    CHECK(events_in(body) <= 17);
  }
  CHECK(events_in(bodies[0]) == 17);
  CHECK(events_in(bodies[5]) == 15);
}

TEST_CASE("a body of exactly the largest size is cut as one, a byte more as "
          "two") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append({event_of(100), event_of(100)});
  bench.append({event_of(100), event_of(101)});
  bench.route_all({irc});
  bench.rig->reopen();
  std::string frame = "{\"events\":[,]}";
  bench.limits.max_bytes = frame.size() + 200;
  auto bodies = bench.drain(irc);
  REQUIRE(bodies.size() == 3);
  CHECK(bodies[0].size() == bench.limits.max_bytes);
  CHECK(events_in(bodies[1]) == 1);
}

TEST_CASE("an item larger than any transaction goes alone") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append({event_of(100), event_of(3'000'000), event_of(200)});
  bench.route_all({irc});
  bench.rig->reopen();
  auto bodies = bench.drain(irc);
  REQUIRE(bodies.size() == 3);
  CHECK(bodies[1] == "{\"events\":[" + event_of(3'000'000).second + "]}");
}

TEST_CASE("a transaction has the same bytes after a reopening and under other "
          "limits and flags") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.limits.unstable_ephemeral = true;
  auto items = numbered(50);
  items.push_back({item_kind::ephemeral, "{\"type\":\"m.typing\"}"});
  items.push_back(
    {item_kind::device_lists, "{\"changed\":[\"@a:b\",\"@c:d\"],\"left\":[]}"});
  bench.append(items);
  bench.append(numbered(100, 51));
  bench.route_all({irc}, true);
  auto sent = bench.next(irc);
  bench.fail(irc, sent->txn_id);
  bench.append(numbered(10, 151));
  bench.route_all({irc}, true);
  bench.rig->reopen();
  bench.limits.max_events = 10;
  bench.limits.max_bytes = 100;
  bench.limits.stable_ephemeral = true;
  bench.limits.unstable_ephemeral = false;
  for (int i = 0; i < 2; ++i) {
    auto again = bench.next(irc);
    CHECK(again->txn_id == sent->txn_id);
    CHECK(again->body == sent->body);
    CHECK(again->events == 100);
  }
}

TEST_CASE("completing cuts the next transaction in the same commit") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(150));
  bench.route_all({irc});
  auto first = bench.next(irc);
  auto second = bench.complete(irc, first->txn_id);
  REQUIRE(second);
  bench.rig->reopen();
  CHECK(bench.row(irc).open);
  CHECK(bench.row(irc).txn_id == second->txn_id);
  CHECK(bench.next(irc)->body == second->body);
  CHECK(!bench.complete(irc, second->txn_id));
  bench.rig->reopen();
  CHECK(!bench.row(irc).open);
  CHECK(!bench.next(irc));
}

TEST_CASE("only the open transaction can be completed or fail") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  bench.append(numbered(1));
  bench.route_all({irc});
  auto complete_of = [&](service_no who, const std::string& id) {
    return bench.refused(
      storage::complete{bench.claim_of(who), id, bench.limits});
  };
  CHECK(is(complete_of(irc, ""), ec::unknown_transaction));
  auto id = bench.next(irc)->txn_id;
  CHECK(is(complete_of(irc, id + "1"), ec::unknown_transaction));
  CHECK(is(complete_of(log, id), ec::unknown_transaction));
  setback what;
  what.txn_id = "other";
  what.failures = 3;
  CHECK(is(bench.refused(storage::fail{bench.claim_of(irc), what}),
           ec::unknown_transaction));
  bench.rig->reopen();
  CHECK(bench.row(irc).failures == 0);
  CHECK(!bench.complete(irc, id));
  CHECK(is(complete_of(irc, id), ec::unknown_transaction));
  CHECK(bench.row(irc).delivered_transactions == 1);
}

TEST_CASE("transaction ids are url-safe and never used again, not even after "
          "the store was lost or an old copy restored") {
  workbench bench;
  std::set<std::string> seen;
  auto use = [&](int rounds) {
    auto irc = bench.service("irc");
    for (int i = 0; i < rounds; ++i) {
      bench.append(numbered(1), "feed" + std::to_string(seen.size()));
      bench.route_all({irc});
      auto out = bench.next(irc);
      for (auto c : out->txn_id)
        CHECK((std::isalnum(static_cast<unsigned char>(c)) || c == '-'));
      CHECK(seen.insert(out->txn_id).second);
      bench.complete(irc, out->txn_id);
    }
  };
  use(3);
  bench.rig->keep_copy();
  use(3);
  bench.rig->restore_copy();
  use(3);
  bench.rig->start_over();
  bench.sorter = bench.lease("sorter");
  use(3);
  CHECK(seen.size() == 12);
}

TEST_CASE("a transaction that was open when a copy was made keeps its id and "
          "bytes") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  bench.route_all({irc});
  auto out = bench.next(irc);
  bench.rig->keep_copy();
  bench.complete(irc, out->txn_id);
  bench.rig->restore_copy();
  CHECK(bench.next(irc)->txn_id == out->txn_id);
  CHECK(bench.next(irc)->body == out->body);
}

TEST_CASE("what is delivered of a long queue is deleted some transactions "
          "later, and all of it when nothing waits") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.limits.max_events = 10;
  for (int i = 0; i < 40; ++i)
    bench.append(numbered(10, 1 + 10 * i));
  bench.route_all({irc});
  const auto full = bench.stat().used_bytes;
  auto open = bench.next(irc);
  std::vector<std::uint64_t> held;
  for (int i = 0; i < 39; ++i) {
    open = bench.complete(irc, open->txn_id);
    held.push_back(bench.stat().used_bytes);
    CHECK(bench.row(irc).pending_events == 390 - 10 * i);
  }
  CHECK(held[14] == full);
  CHECK(held[15] < full);
  CHECK(held[30] == held[15]);
  CHECK(held[31] < held[30]);
  bench.rig->reopen();
  CHECK(bench.next(irc)->txn_id == open->txn_id);
  CHECK(!bench.complete(irc, open->txn_id));
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE("what was delivered before an outage is deleted when it begins") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.limits.max_events = 10;
  for (int i = 0; i < 4; ++i)
    bench.append(numbered(10, 1 + 10 * i));
  bench.route_all({irc});
  const auto full = bench.stat().used_bytes;
  auto open = bench.next(irc);
  open = bench.complete(irc, open->txn_id);
  CHECK(bench.stat().used_bytes == full);
  bench.fail(irc, open->txn_id);
  CHECK(bench.stat().used_bytes < full);
  CHECK(bench.next(irc)->body == open->body);
}

TEST_CASE("a mebibyte that is delivered is deleted at once") {
  workbench bench;
  auto irc = bench.service("irc");
  for (int i = 0; i < 8; ++i)
    bench.append({event_of(300'000)});
  bench.route_all({irc});
  const auto full = bench.stat().used_bytes;
  auto open = bench.next(irc);
  open = bench.complete(irc, open->txn_id);
  CHECK(bench.stat().used_bytes == full);
  bench.complete(irc, open->txn_id);
  CHECK(bench.stat().used_bytes < full);
}

TEST_CASE("nothing to send is nothing") {
  workbench bench;
  auto irc = bench.service("irc");
  CHECK(!bench.next(irc));
  bench.rig->reopen();
  CHECK(!bench.next(irc));
  CHECK(bench.row(irc).txn_id == "");
}

TEST_CASE("services keep their own pace") {
  workbench bench;
  auto fast = bench.service("fast");
  auto slow = bench.service("slow");
  bench.limits.max_events = 10;
  for (int i = 0; i < 10; ++i) {
    bench.append(numbered(25, i * 25 + 1));
    bench.route_all({fast, slow});
    if (i == 5)
      bench.rig->reopen();
    if (i % 2 == 0)
      bench.drain(fast);
  }
  bench.drain(fast);
  CHECK(bench.row(fast).pending_events == 0);
  CHECK(bench.row(slow).pending_events == 250);
  CHECK(numbers_in(bench.drain(slow)) == up_to(250));
  CHECK(bench.stat().used_bytes == 0);
}

TEST_SUITE_END();
