// SPDX-License-Identifier: Apache-2.0
// The sorter over a fake store, in virtual time.
#include "actors/pool/pool.hpp"
#include "actors/sorter/sorter.hpp"
#include "actors/storage/storage_actor.hpp"
#include "tests/support/fake_store.hpp"
#include "tests/support/pool_entries.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

#include <set>

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

/// Stands for a service actor; counts its wake-ups into `count`.
service_actor::behavior_type counting_service(service_actor::pointer,
                                              std::shared_ptr<int> count) {
  return {
    [count](wake_atom) { ++*count; },
    [count](wake_atom, const handed_transaction& x) {
      *count += static_cast<int>(x.what->number);
    },
    [](retry_atom) { return false; },
    [](pause_atom, bool) { return storage::nothing_more{}; },
    [](const service_config_ptr&) {},
    [](skip_atom) { return skip_answer::nothing_open; },
    [](skip_atom, std::uint32_t) { return skip_answer::nothing_open; },
    [](const tenure&) {},
    [](drain_atom) { return storage::nothing_more{}; },
    [](attempt_atom, std::uint64_t) {},
  };
}

struct fixture : virtual_time {
  fixture() {
    writer = spawn(storage_writer, all, store);
    the_pool = spawn(pool, all, store, writer, storage::page_limits{});
    auto known = std::make_shared<directory>();
    for (const auto* id : {"irc", "log"}) {
      auto config = std::make_shared<service_config>();
      config->registration.id = id;
      config->delivery.max_events = 7;
      const auto number = static_cast<service_no>(known->services.size() + 1);
      known->add(
        {number, id, config,
         spawn(counting_service, id == std::string{"irc"} ? irc : log)});
    }
    known->rooms = std::make_shared<room_interest>(names(), store,
                                                   room_interest_options{"x"});
    services = known;
  }

  /// Service 1 wants @irc and whoever is named @irc_..., both want @both.
  static name_interest names() {
    static const std::vector<service_no> nobody;
    static const std::vector<service_no> irc_only{1};
    static const std::vector<service_no> both{1, 2};
    name_interest result;
    result.users = [](std::string_view user) -> const auto& {
      if (user == "@both")
        return both;
      return user.starts_with("@irc") ? irc_only : nobody;
    };
    result.rooms = [](std::string_view) -> const auto& {
      return nobody;
    };
    result.aliases = result.rooms;
    return result;
  }

  void start(bool wake_on_arrival = false) {
    sorter_wiring wiring;
    wiring.pool = the_pool;
    wiring.writer = writer;
    wiring.services = services;
    wiring.lease.epoch = 1;
    wiring.wake_on_arrival = wake_on_arrival;
    aut = spawn(sorter, all, wiring);
    run();
  }

  void fill(std::vector<pool_entry> entries, bool full = false) {
    store->page.from = store->at;
    store->page.next = entries.back().position;
    store->page.full = full;
    store->page.entries = std::move(entries);
  }

  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  std::shared_ptr<int> irc = std::make_shared<int>(0);
  std::shared_ptr<int> log = std::make_shared<int>(0);
  storage_actor writer;
  pool_actor the_pool;
  sorter_actor aut;
  directory_ptr services;
};

} // namespace

TEST_SUITE_BEGIN("sorter");

TEST_CASE_FIXTURE(fixture, "the pool is polled once a second") {
  start();
  run_for(100ms);
  fill({entry(1, "irc", 3)});
  run_for(800ms);
  CHECK(store->routings.empty());
  run_for(100ms);
  REQUIRE(store->routings.size() == 1);
  CHECK(*irc == 1);
  CHECK(*log == 0);
  fill({entry(2, "log", 1)});
  run_for(1s);
  CHECK(store->routings.size() == 2);
  CHECK(*log == 1);
}

TEST_CASE_FIXTURE(fixture, "the other nodes are told which of their services "
                           "got something") {
  start();
  std::vector<std::string> told;
  auto links = spawn([&told](elsewhere_listener::pointer) {
    return elsewhere_listener::behavior_type{
      [&told](const service_ids_ptr& ids) {
        told.insert(told.end(), ids->begin(), ids->end());
      }};
  });
  self->send(aut, links);
  store->elsewhere = {2};
  fill({entry(1, "irc", 3), entry(2, "log", 1)});
  run_for(1s);
  CHECK(told == std::vector<std::string>{"log"});
  CHECK(*irc == 1);
}

TEST_CASE_FIXTURE(fixture, "a service gets what was cut for it with its "
                           "wake-up, and only that") {
  auto cut = std::make_shared<outbound>();
  cut->number = 50;
  store->handed = {{{2, 1}, cut}};
  fill({entry(1, "irc", 1), entry(2, "log", 1)});
  start();
  CHECK(*irc == 1);
  CHECK(*log == 50);
}

TEST_CASE_FIXTURE(fixture, "a full page is followed by another at once") {
  start();
  fill({entry(1, "irc", 3)}, true);
  bool more = true;
  store->fault = [&](const std::string& what) {
    if (what == "route" && !std::exchange(more, false))
      store->fault = nullptr;
    return caf::error{};
  };
  run_for(1s);
  // The second look at the pool found it empty: two peeks, one routing.
  CHECK(store->routings.size() == 1);
  fill({entry(2, "irc", 3)}, true);
  self->send(aut, arrived_atom::value);
  run();
  CHECK(store->routings.size() == 1); // not asked to wake on arrival
}

TEST_CASE_FIXTURE(fixture, "with wake_on_arrival an arrival is sorted without "
                           "time passing") {
  start(true);
  fill({entry(1, "irc", 1)});
  self->send(aut, arrived_atom::value);
  run();
  CHECK(store->routings.size() == 1);
  CHECK(*irc == 1);
}

TEST_CASE_FIXTURE(fixture, "after a page of many events arrivals gather for a "
                           "moment, so that transactions are not cut small") {
  start(true);
  fill({entry(1, "irc", 300)});
  self->send(aut, arrived_atom::value);
  run();
  REQUIRE(store->routings.size() == 1);
  fill({entry(2, "irc", 1)});
  self->send(aut, arrived_atom::value);
  run_for(5ms);
  CHECK(store->routings.size() == 1);
  run_for(1ms);
  REQUIRE(store->routings.size() == 2);
  // After a page of one event the next is sorted without delay.
  fill({entry(3, "irc", 1)});
  self->send(aut, arrived_atom::value);
  run();
  CHECK(store->routings.size() == 3);
}

TEST_CASE("arrivals gather 20 us an event, at most 10 ms, where transactions "
          "are full") {
  CHECK(gathering_time(0, 0) == 0us);
  CHECK(gathering_time(100, 1) == 2ms);
  CHECK(gathering_time(400, 4) == 8ms);
  CHECK(gathering_time(1'000'000, 100) == 10ms);
}

TEST_CASE("arrivals gather 300 us a service, at most 50 ms, where each gets a "
          "few events") {
  CHECK(gathering_time(1, 1) == 300us);
  CHECK(gathering_time(20, 10) == 3ms);
  CHECK(gathering_time(9'999, 100) == 30ms);
  CHECK(gathering_time(1'000, 1'000) == 50ms);
}

TEST_CASE_FIXTURE(fixture,
                  "an addressed transaction goes to its service whole, "
                  "with that service's limits") {
  start();
  fill({entry(1, "log", 250)});
  run_for(1s);
  const auto& done = store->routings.at(0);
  REQUIRE(done.parcels.size() == 1);
  CHECK(done.parcels[0].to == std::vector<service_no>{2});
  REQUIRE(done.parcels[0].pieces.size() == 1);
  CHECK(done.parcels[0].pieces[0].count == 250);
  REQUIRE(done.addressees.size() == 1);
  CHECK(done.addressees[0].service == 2);
  CHECK(done.addressees[0].limits.max_events == 7);
  CHECK(done.from == 0);
  CHECK(done.to == 1);
}

TEST_CASE_FIXTURE(fixture, "on the catch-all feed each event goes where it is "
                           "decided to go, and those for nobody nowhere") {
  start();
  auto mixed = entry(1, "", 4);
  mixed.fields[0].sender = "@irc";
  mixed.fields[1].sender = "@nobody";
  mixed.fields[2].sender = "@both";
  mixed.fields[3].sender = "@irc";
  fill({mixed});
  run_for(1s);
  const auto& done = store->routings.at(0);
  // Event 3 must not be put beside event 0: irc gets event 2 between them.
  REQUIRE(done.parcels.size() == 3);
  CHECK(done.parcels[0].to == std::vector<service_no>{1});
  CHECK(done.parcels[1].to == std::vector<service_no>{1, 2});
  CHECK(done.parcels[1].pieces[0].first == 2);
  CHECK(done.parcels[2].to == std::vector<service_no>{1});
  CHECK(done.addressees.size() == 2);
}

TEST_CASE_FIXTURE(fixture, "a page that is not routed stays in the pool and "
                           "comes again") {
  start();
  fill({entry(1, "irc", 3)});
  store->fault = [](const std::string& what) {
    return what == "route" ? fault(ec::store_failed, "I/O error")
                           : caf::error{};
  };
  run_for(3s);
  CHECK(store->at == 0);
  CHECK(*irc == 0);
  store->fault = nullptr;
  run_for(1s);
  CHECK(store->at == 1);
  CHECK(*irc == 1);
}

TEST_CASE_FIXTURE(fixture, "a drained sorter takes no page any more") {
  start();
  CHECK(ask<storage::nothing_more>(aut, drain_atom::value));
  fill({entry(1, "irc", 3)});
  run_for(10s);
  CHECK(store->routings.empty());
}

TEST_CASE_FIXTURE(fixture, "I17: what a page says about rooms is stored with "
                           "it, and counts for the events behind") {
  start();
  auto page = entry(1, "", 3);
  for (auto& each : page.fields)
    each.room_id = "!g:x";
  auto& join = page.fields[1];
  join.type = "m.room.member";
  join.has_state_key = true;
  join.state_key = "@irc_bob:x";
  join.membership = "join";
  fill({page});
  run_for(1s);
  const auto& done = store->routings.at(0);
  REQUIRE(done.parcels.size() == 1);
  CHECK(done.parcels[0].to == std::vector<service_no>{1});
  CHECK(done.parcels[0].pieces[0].first == 1);
  CHECK(done.parcels[0].pieces[0].count == 2);
  REQUIRE(done.rooms.memberships.size() == 1);
  CHECK(store->members["!g:x"]["@irc_bob:x"].first);
}

TEST_CASE_FIXTURE(fixture, "what a page said about rooms does not count when "
                           "its routing failed") {
  start();
  auto page = entry(1, "", 1);
  auto& join = page.fields[0];
  join.room_id = "!g:x";
  join.type = "m.room.member";
  join.has_state_key = true;
  join.state_key = "@irc_bob:x";
  join.membership = "join";
  fill({page});
  store->fault = [](const std::string& what) {
    return what == "route" ? fault(ec::store_failed, "I/O error")
                           : caf::error{};
  };
  run_for(1s);
  store->fault = nullptr;
  auto message = entry(1, "", 1);
  message.fields[0].room_id = "!g:x";
  fill({message});
  run_for(1s);
  CHECK(store->routings.at(0).parcels.empty());
  CHECK(store->routings.at(0).rooms.empty());
}

TEST_CASE_FIXTURE(fixture,
                  "a page stays in the pool while the store cannot say "
                  "who is in a room") {
  start();
  store->reading_fails = true;
  fill({entry(1, "", 1)});
  run_for(3s);
  CHECK(store->at == 0);
  store->reading_fails = false;
  run_for(1s);
  CHECK(store->at == 1);
}

TEST_CASE_FIXTURE(fixture, "what is learned about rooms is stored under the "
                           "sorter's epoch and counts from the next page on") {
  start();
  auto message = entry(1, "", 1);
  message.fields[0].room_id = "!g:x";
  fill({message});
  run_for(1s);
  CHECK(store->routings.at(0).parcels.empty());
  auto facts = std::make_shared<room_changes>();
  facts->memberships.push_back({"!g:x", "@irc_bob:x", true});
  const auto done = ask<storage::learned>(aut, storage::learn{0, facts});
  REQUIRE(done);
  CHECK(done->changed == 1);
  message.position = 2;
  fill({message});
  run_for(1s);
  CHECK(store->routings.at(1).parcels.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "nothing is learned under another's epoch, or while "
                           "draining, and sorting goes on") {
  start();
  auto facts = std::make_shared<room_changes>();
  store->current_epoch = 2;
  auto refused = ask<storage::learned>(aut, storage::learn{0, facts});
  REQUIRE(!refused);
  CHECK(is(refused.error(), ec::fenced));
  store->current_epoch = 1;
  fill({entry(1, "irc", 1)});
  run_for(1s);
  CHECK(store->routings.size() == 1);
  CHECK(ask<storage::nothing_more>(aut, drain_atom::value));
  refused = ask<storage::learned>(aut, storage::learn{0, facts});
  REQUIRE(!refused);
  CHECK(is(refused.error(), ec::draining));
}

TEST_CASE_FIXTURE(fixture, "items of the catch-all feed that are no events are "
                           "for nobody") {
  start();
  auto typing = entry(1, "", 1);
  typing.kinds[0] = item_kind::ephemeral;
  typing.fields[0].sender = "@irc";
  fill({typing});
  run_for(1s);
  CHECK(store->routings.at(0).parcels.empty());
}

TEST_SUITE_END();
