// SPDX-License-Identifier: Apache-2.0
// Appending, deduplication, the pool and its limit.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;

namespace {

receipt append_again(workbench& bench, std::shared_ptr<batch> what) {
  return std::get<receipt>(bench.done(storage::append{std::move(what)}));
}

} // namespace

TEST_SUITE_BEGIN("store: intake");

TEST_CASE("a batch that was appended is in the pool after a reopening") {
  workbench bench;
  CHECK(bench.append(numbered(2)) == 1);
  CHECK(bench.append(numbered(1), "irc") == 2);
  bench.rig->reopen();
  auto page = bench.page();
  REQUIRE(page.entries.size() == 2);
  CHECK(page.next == 2);
  CHECK(!page.full);
  auto& first = page.entries[0];
  CHECK(first.position == 1);
  CHECK(first.feed == "");
  CHECK(first.kinds == std::vector{item_kind::event, item_kind::event});
  CHECK(first.sizes == std::vector<std::uint32_t>{7, 7});
  REQUIRE(first.fields.size() == 2);
  CHECK(first.fields[1].type == "m.room.message");
  CHECK(first.fields[1].sender == "@alice:example.org");
  CHECK(first.fields[1].room_id == "!a:example.org");
  CHECK(first.fields[1].state_key == "{\"n\":2}");
  CHECK(first.fields[1].has_state_key);
  CHECK(page.entries[1].feed == "irc");
  CHECK(page.entries[1].fields.empty());
  CHECK(bench.stat().pool_batches == 2);
}

TEST_CASE("an item that is not an event has empty fields on the catch-all "
          "feed") {
  workbench bench;
  bench.append({{item_kind::ephemeral, "{}"}, {item_kind::event, "{}"}});
  bench.append({{item_kind::ephemeral, "{}"}});
  bench.rig->reopen();
  auto page = bench.page();
  REQUIRE(page.entries.size() == 2);
  REQUIRE(page.entries[0].fields.size() == 2);
  CHECK(page.entries[0].fields[0].type == "");
  CHECK(!page.entries[0].fields[0].has_state_key);
  CHECK(page.entries[0].fields[1].type == "m.room.message");
  CHECK(page.entries[1].fields.size() == 1);
}

TEST_CASE("a page ends at its limits but holds at least one batch") {
  workbench bench;
  for (int i = 0; i < 3; ++i)
    bench.append(numbered(10));
  bench.rig->reopen();
  storage::page_limits limits;
  limits.max_items = 5;
  auto page = bench.page(limits);
  CHECK(page.entries.size() == 1);
  CHECK(page.next == 1);
  CHECK(page.full);
  limits.max_items = 20;
  page = bench.page(limits);
  CHECK(page.entries.size() == 2);
  CHECK(page.full);
  limits.max_items = 30;
  page = bench.page(limits);
  CHECK(page.entries.size() == 3);
  CHECK(!page.full);
}

TEST_CASE("a feed transaction that comes twice is taken once, also after a "
          "reopening") {
  workbench bench;
  auto what = make_batch("irc", "7", numbered(1), 1);
  CHECK(append_again(bench, what).position == 1);
  auto again = append_again(bench, what);
  CHECK(again.duplicate);
  CHECK(again.position == 0);
  bench.rig->reopen();
  CHECK(append_again(bench, what).duplicate);
  CHECK(bench.stat().pool_batches == 1);
}

TEST_CASE("a feed transaction that comes twice in one commit is taken once") {
  workbench bench;
  auto what = make_batch("irc", "7", numbered(1), 1);
  std::vector<storage::mutation> work{storage::append{what},
                                      storage::append{what}};
  auto answers = bench.it().commit(work);
  REQUIRE(answers.size() == 2);
  REQUIRE(answers[0]);
  REQUIRE(answers[1]);
  CHECK(!std::get<receipt>(*answers[0]).duplicate);
  CHECK(std::get<receipt>(*answers[1]).duplicate);
  bench.rig->reopen();
  CHECK(bench.page().entries.size() == 1);
}

TEST_CASE("feed, transaction id and digest each make another transaction") {
  workbench bench;
  std::string long_id(400, 'x');
  append_again(bench, make_batch("irc", "7", numbered(1), 1));
  append_again(bench, make_batch("irc", long_id + "1", numbered(1), 1));
  bench.rig->reopen();
  CHECK(!append_again(bench, make_batch("log", "7", numbered(1), 1)).duplicate);
  CHECK(!append_again(bench, make_batch("irc", "8", numbered(1), 1)).duplicate);
  CHECK(!append_again(bench, make_batch("irc", "7", numbered(1), 2)).duplicate);
  CHECK(!append_again(bench, make_batch("irc", long_id + "2", numbered(1), 1))
           .duplicate);
  CHECK(append_again(bench, make_batch("irc", long_id + "1", numbered(1), 1))
          .duplicate);
}

TEST_CASE("a feed transaction is forgotten after the configured age") {
  workbench bench;
  auto what = make_batch("irc", "7", numbered(1), 1);
  append_again(bench, what);
  bench.rig->wall_now += std::chrono::hours{24 * 7};
  CHECK(append_again(bench, what).duplicate);
  bench.rig->reopen();
  bench.rig->wall_now += std::chrono::seconds{1};
  CHECK(!append_again(bench, what).duplicate);
  CHECK(append_again(bench, what).duplicate);
  // The first memory of it is gone by now, and must not take the second along.
  append_again(bench, make_batch("irc", "8", numbered(1), 1));
  CHECK(append_again(bench, what).duplicate);
}

TEST_CASE("only the configured number of feed transactions is remembered") {
  workbench bench;
  bench.rig->want.dedupe_max = 3;
  bench.rig->reopen();
  auto taken = [&](int n) {
    auto what = make_batch("irc", std::to_string(n), numbered(1), 1);
    return !append_again(bench, what).duplicate;
  };
  for (int n = 1; n <= 4; ++n)
    CHECK(taken(n));
  CHECK(!taken(4));
  CHECK(!taken(2));
  CHECK(taken(1));
  CHECK(taken(2));
}

TEST_CASE("positions only grow, also over reopenings and routings") {
  workbench bench;
  auto irc = bench.service("irc");
  CHECK(bench.append(numbered(1)) == 1);
  bench.route_all({irc});
  bench.drain(irc);
  bench.rig->reopen();
  CHECK(bench.append(numbered(1)) == 2);
  bench.route_all({});
  bench.rig->reopen();
  CHECK(bench.append(numbered(1)) == 3);
}

TEST_CASE("a batch whose slices lie outside of its body is refused") {
  workbench bench;
  auto what = make_batch("irc", "7", numbered(1), 1);
  what->items[0].json.size = 4'000;
  CHECK(is(bench.refused(storage::append{what}), ec::bad_json));
  bench.rig->reopen();
  CHECK(bench.page().entries.empty());
}

TEST_CASE("a full store refuses batches but delivers, and then takes again") {
  workbench bench;
  bench.rig->want.max_store = 1024 * 1024;
  bench.rig->reopen();
  auto irc = bench.service("irc");
  bench.limits.max_bytes = 100'000;
  int taken = 0;
  for (; taken < 100; ++taken) {
    storage::mutation what = storage::append{
      make_batch("irc", std::to_string(taken), {event_of(50'000)})};
    auto answers = bench.it().commit({&what, 1});
    if (!answers.front()) {
      CHECK(is(answers.front().error(), ec::store_full));
      break;
    }
  }
  CHECK(taken >= 15);
  CHECK(taken <= 20);
  CHECK(bench.stat().used_bytes <= bench.stat().capacity_bytes);
  bench.rig->reopen();
  auto full = make_batch("irc", "more", {event_of(50'000)});
  CHECK(is(bench.refused(storage::append{full}), ec::store_full));
  bench.route_all({irc});
  auto out = bench.next(irc);
  REQUIRE(out);
  CHECK(bench.complete(irc, out->txn_id));
  bench.done(storage::append{full});
  bench.rig->reopen();
  CHECK(bench.drain(irc).size() > 5);
}

TEST_CASE("a full store refuses the batches of a commit and carries out the "
          "rest") {
  workbench bench;
  bench.rig->want.max_store = 100'000;
  bench.rig->reopen();
  auto irc = bench.service("irc");
  bench.append({event_of(50'000)});
  bench.route_all({irc});
  auto out = bench.next(irc);
  std::vector<storage::mutation> work{
    storage::append{make_batch("irc", "big", {event_of(90'000)})},
    storage::complete{bench.claim_of(irc), out->txn_id, bench.limits},
    storage::append{make_batch("irc", "big", {event_of(90'000)})}};
  auto answers = bench.it().commit(work);
  REQUIRE(answers.size() == 3);
  CHECK(!answers[0]);
  CHECK(answers[1]);
  CHECK(answers[2]);
  bench.rig->reopen();
  CHECK(bench.page().entries.size() == 1);
}

TEST_CASE("an empty store uses no bytes, and uses none again when all is "
          "delivered") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  CHECK(bench.stat().used_bytes == 0);
  bench.append({event_of(50'000)});
  bench.append(numbered(3));
  bench.append(numbered(3));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc, log}, {{1, 0, 1}}, 1, 0});
  what->parcels.push_back({{log, irc}, {{2, 0, 2}, {3, 1, 1}}, 3, 0});
  bench.done(storage::route{what});
  bench.rig->reopen();
  CHECK(bench.stat().used_bytes > 50'000);
  bench.drain(irc);
  CHECK(bench.stat().used_bytes > 50'000);
  bench.drain(log);
  CHECK(bench.stat().used_bytes == 0);
}

TEST_SUITE_END();
