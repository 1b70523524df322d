// SPDX-License-Identifier: Apache-2.0
// Bits that flip on the disk.
#include "tests/contract/lmdb_rig.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace posthorn;
using namespace posthorn::contract;
using storage::lmdb::table;

namespace {

lmdb_rig& rig_of(workbench& bench) {
  return dynamic_cast<lmdb_rig&>(*bench.rig);
}

/// An event that can be found in the store's file.
const std::string mark = "{\"n\":2,\"here\":true}";
const std::vector<raw_item> marked{{item_kind::event, mark}};

/// How many reports name something.
int told_of(workbench& bench, const std::string& what) {
  int result = 0;
  for (auto& line : rig_of(bench).reports)
    if (line.find(what) != std::string::npos)
      ++result;
  return result;
}

} // namespace

TEST_SUITE_BEGIN("lmdb: rot");

TEST_CASE("a rotten batch in the pool is set aside and the rest flows in "
          "order") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  bench.append(marked);
  bench.append(numbered(1, 3));
  rig_of(bench).flip_at(mark);
  CHECK(bench.page().entries.size() == 2);
  CHECK(bench.page().next == 3);
  bench.route_all({irc});
  CHECK(bench.stat().corrupt_records == 1);
  CHECK(bench.stat().pool_batches == 0);
  CHECK(told_of(bench, "batch 2 ") == 1);
  CHECK(numbers_in(bench.drain(irc)) == std::vector{1, 3});
  CHECK(bench.stat().used_bytes == 0);
  // The operator still has it.
  rig_of(bench).store.reset();
  auto key
    = storage::lmdb::rotten_key(table::pool, storage::lmdb::number_key(2));
  auto look = [](std::string& bytes) {
    CHECK(bytes.find(mark.substr(1)) != std::string::npos);
  };
  CHECK(rewrite_record(rig_of(bench).data(), table::rotten, key, look));
  rig_of(bench).reopen();
}

TEST_CASE("a routing that names a rotten batch delivers the others") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  bench.append(numbered(1));
  bench.append(marked);
  bench.append(numbered(1, 3));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{1, 0, 1}, {2, 0, 1}, {3, 0, 1}}, 3, 0});
  what->parcels.push_back({{log}, {{2, 0, 1}}, 1, 0});
  rig_of(bench).flip_at(mark);
  bench.done(storage::route{what});
  CHECK(bench.stat().corrupt_records == 1);
  CHECK(numbers_in(bench.drain(irc)) == std::vector{1, 3});
  CHECK(bench.drain(log).empty());
  CHECK(bench.row(log).pending_events == 0);
}

TEST_CASE("a rotten batch in the queues of several services is set aside once "
          "and skipped by each") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  bench.append(numbered(1));
  bench.append(marked);
  bench.append(numbered(1, 3));
  bench.route_all({irc, log});
  rig_of(bench).flip_at(mark);
  CHECK(numbers_in(bench.drain(irc)) == std::vector{1, 3});
  rig_of(bench).reopen();
  CHECK(numbers_in(bench.drain(log)) == std::vector{1, 3});
  CHECK(bench.stat().corrupt_records == 1);
  CHECK(bench.stat().used_bytes == 0);
  for (auto each : {irc, log}) {
    CHECK(bench.row(each).pending_events == 0);
    CHECK(bench.row(each).pending_bytes == 0);
    CHECK(bench.row(each).delivered_events == 2);
  }
  CHECK(told_of(bench, "batch 2 ") == 1);
}

TEST_CASE("rotten copied items are set aside") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(marked);
  bench.append(marked);
  bench.append(numbered(1, 3));
  auto what = bench.routing_of_pool();
  what->parcels.push_back({{irc}, {{1, 0, 1}, {2, 0, 1}}, 2, 0});
  what->parcels.push_back({{irc}, {{3, 0, 1}}, 1, 0});
  bench.done(storage::route{what});
  rig_of(bench).flip_at(mark);
  CHECK(numbers_in(bench.drain(irc)) == std::vector{3});
  CHECK(told_of(bench, "parcel 1 ") == 1);
}

TEST_CASE("an open transaction with a rotten batch is never sent altered: its "
          "rest goes under a new id") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  bench.append(marked);
  bench.append(numbered(1, 3));
  bench.route_all({irc}, true);
  auto old = bench.row(irc).txn_id;
  rig_of(bench).flip_at(mark);
  auto out = bench.next(irc);
  REQUIRE(out);
  CHECK(out->txn_id != old);
  CHECK(out->body == "{\"events\":[{\"n\":1},{\"n\":3}]}");
  rig_of(bench).reopen();
  CHECK(bench.next(irc)->body == out->body);
  CHECK(!bench.complete(irc, out->txn_id));
  CHECK(bench.row(irc).pending_events == 0);
}

TEST_CASE("a rotten batch of which a part was delivered is taken out of the "
          "counts as far as it was not") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.limits.max_events = 10;
  auto items = numbered(24);
  items.push_back({item_kind::event, mark});
  bench.append(items);
  bench.append(numbered(5, 101));
  bench.route_all({irc});
  bench.complete(irc, bench.next(irc)->txn_id);
  CHECK(bench.row(irc).pending_events == 20);
  rig_of(bench).flip_at(mark);
  CHECK(bench.next(irc)->events == 5);
  CHECK(bench.row(irc).pending_events == 5);
}

TEST_CASE("a rotten queue entry is set aside and the rest flows") {
  workbench bench;
  auto irc = bench.service("irc");
  for (int n = 1; n <= 3; ++n)
    bench.append(numbered(1, n));
  bench.route_all({irc});
  rig_of(bench).flip_record(table::queue, storage::lmdb::queue_key(irc, 2));
  CHECK(numbers_in(bench.drain(irc)) == std::vector{1, 3});
  CHECK(bench.row(irc).pending_events == 0);
  CHECK(bench.row(irc).pending_bytes == 0);
  CHECK(bench.stat().corrupt_records == 1);
  CHECK(told_of(bench, "entry 2 of the queue of irc") == 1);
}

TEST_CASE("a rotten use count keeps the batch and loses nothing") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  bench.append(numbered(3));
  bench.route_all({irc, log});
  rig_of(bench).flip_record(table::shared, storage::lmdb::shared_key(1));
  CHECK(numbers_in(bench.drain(irc)) == up_to(3));
  CHECK(numbers_in(bench.drain(log)) == up_to(3));
  CHECK(bench.stat().used_bytes > 0);
  CHECK(bench.stat().corrupt_records == 1);
}

TEST_CASE("a rotten service is named and paused, keeps what waits, and stops "
          "neither the sorter nor the others") {
  workbench bench;
  auto irc = bench.service("irc");
  auto log = bench.service("log");
  bench.append(numbered(3));
  bench.route_all({irc, log});
  bench.limits.max_events = 2;
  auto first = bench.next(irc);
  auto second = bench.complete(irc, first->txn_id);
  rig_of(bench).flip_record(table::services, storage::lmdb::service_key(irc));
  // It is shown before anybody has touched it.
  auto row = bench.row(irc);
  CHECK(row.id == "irc");
  CHECK(row.paused);
  CHECK(row.last_error.find("rotten") != std::string::npos);
  CHECK(row.pending_events == 3);
  CHECK(bench.row(log).pending_events == 3);
  CHECK(rig_of(bench).reports.back().find("service number 1 ")
        != std::string::npos);
  bench.append(numbered(2, 4));
  bench.route_all({irc, log}, true);
  CHECK(bench.stat().corrupt_records == 1);
  CHECK(bench.row(irc).pending_events == 5);
  CHECK(is(bench.refused(storage::complete{bench.claim_of(irc), second->txn_id,
                                           bench.limits}),
           ec::unknown_transaction));
  CHECK_FALSE(bench.next(irc));
  CHECK(numbers_in(bench.drain(log)) == up_to(5));
  bench.rig->reopen();
  CHECK(bench.row(irc).paused);
  bench.done(storage::set_paused{irc, false});
  auto again = bench.next(irc);
  CHECK(again->txn_id != first->txn_id);
  CHECK(again->txn_id != second->txn_id);
  CHECK(numbers_in(bench.drain(irc)) == up_to(5));
  CHECK(bench.stat().used_bytes == 0);
}

TEST_CASE(
  "a rotten service keeps its dead letters, and no transaction id comes "
  "again") {
  workbench bench;
  auto irc = bench.service("irc");
  std::set<std::string> ids;
  bench.append(numbered(2));
  bench.route_all({irc});
  auto out = bench.next(irc);
  ids.insert(out->txn_id);
  bench.done(storage::set_aside{bench.claim_of(irc), out->txn_id, bench.limits,
                                "HTTP 400"});
  bench.append(numbered(1, 3));
  bench.route_all({irc});
  ids.insert(bench.next(irc)->txn_id);
  rig_of(bench).flip_record(table::services, storage::lmdb::service_key(irc));
  bench.done(storage::set_paused{irc, false});
  out = bench.next(irc);
  CHECK(ids.insert(out->txn_id).second);
  CHECK(numbers_in({out->body}) == std::vector{3});
  CHECK(bench.row(irc).dead_items == 2);
  CHECK(std::get<storage::moved>(bench.done(storage::replay{irc, ""})).letters
        == 2);
  CHECK(bench.row(irc).dead_items == 0);
  CHECK(bench.row(irc).dead_bytes == 0);
}

TEST_CASE("a store with a rotten name of a service is not opened: nothing is "
          "guessed") {
  workbench bench;
  bench.service("irc");
  auto& rig = rig_of(bench);
  rig.store.reset();
  REQUIRE(rewrite_record(rig.data(), table::names, "irc",
                         [](std::string& bytes) { bytes.back() ^= 0x01; }));
  auto store = storage::open_lmdb(rig.options());
  REQUIRE(!store);
  CHECK(is(store.error(), ec::store_corrupt));
  CHECK(text_of(store.error()).find("irc") != std::string::npos);
}

TEST_CASE("a rotten lease is named, and lets no write through") {
  workbench bench;
  auto irc = bench.service("irc");
  rig_of(bench).flip_record(table::leases, "service/irc");
  auto error = bench.refused(storage::next{bench.claim_of(irc), {}});
  CHECK(is(error, ec::store_corrupt));
  CHECK(text_of(error).find("service/irc") != std::string::npos);
}

TEST_CASE("a store with rotten counters is not opened") {
  workbench bench;
  auto& rig = rig_of(bench);
  rig.store.reset();
  auto flip = [](std::string& bytes) { bytes[20] ^= 0x01; };
  REQUIRE(rewrite_record(rig.data(), table::meta, "counters", flip));
  auto store = storage::open_lmdb(rig.options());
  REQUIRE(!store);
  CHECK(is(store.error(), ec::store_corrupt));
  CHECK(text_of(store.error()).find("counters") != std::string::npos);
}

TEST_CASE("a rotten membership counts as joined, rotten aliases as none, until "
          "the feed or an import says it anew") {
  workbench bench;
  auto& rig = dynamic_cast<lmdb_rig&>(*bench.rig);
  const std::string room = "!a:x";
  auto say = [&](bool joined) {
    auto what = std::make_shared<room_changes>();
    what->memberships.push_back({room, "@bob:x", joined});
    what->aliases.push_back({room, {"#a:x"}});
    return storage::learn{bench.sorter, what};
  };
  auto step = bench.routing_of_pool();
  step->rooms = {{{room, "@bob:x", false}}, {{room, {"#a:x"}}}};
  bench.done(storage::route{step});
  using storage::lmdb::member_key;
  rig.flip_record(storage::lmdb::table::members, member_key(room, "@bob:x"));
  rig.flip_record(storage::lmdb::table::aliases, room);
  // Found when the store was opened; told again where it is come across.
  REQUIRE(!rig.reports.empty());
  CHECK(rig.reports.back().find("of table aliases") != std::string::npos);
  rig.reports.clear();
  CHECK(bench.it().is_joined(room, "@bob:x") == true);
  int joined = 0;
  CHECK(!bench.it().joined(room, [&](std::string_view) { ++joined; }));
  CHECK(joined == 1);
  CHECK(bench.it().aliases(room)->empty());
  REQUIRE(rig.reports.size() == 2);
  CHECK(rig.reports[0].find("@bob:x in !a:x") != std::string::npos);
  CHECK(rig.reports[1].find("the aliases of !a:x") != std::string::npos);
  bench.done(say(true));
  bench.done(say(false));
  CHECK(bench.it().is_joined(room, "@bob:x") == false);
  CHECK(bench.it().aliases(room)->size() == 1);
}

TEST_CASE("a rotten record of which rooms a user is in counts as joined, until "
          "the feed says it anew") {
  workbench bench;
  auto& rig = rig_of(bench);
  using storage::lmdb::user_room_key;
  auto say = [&](bool joined) {
    auto step = bench.routing_of_pool();
    step->rooms = {{{"!a:x", "@far:y", joined, false}}, {}};
    bench.done(storage::route{step});
  };
  auto rooms = [&] {
    int count = 0;
    CHECK(!bench.it().rooms_of("@far:y", [&](std::string_view) {
      ++count;
      return true;
    }));
    return count;
  };
  say(false);
  rig.flip_record(storage::lmdb::table::user_rooms,
                  user_room_key("@far:y", "!a:x"));
  CHECK(rooms() == 1);
  REQUIRE(rig.reports.size() == 1);
  CHECK(rig.reports[0].find("@far:y in !a:x") != std::string::npos);
  say(false);
  CHECK(rooms() == 0);
}

TEST_SUITE_END();
