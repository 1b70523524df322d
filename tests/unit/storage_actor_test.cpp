// SPDX-License-Identifier: Apache-2.0
// Group commit over a fake store, in virtual time.
#include "actors/storage/storage_actor.hpp"
#include "tests/support/fake_store.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

using namespace posthorn;
using namespace posthorn::testing;

namespace {

struct fixture : virtual_time {
  fixture() {
    aut = spawn(storage_writer, all, store);
  }

  static storage::append one_event() {
    auto what = std::make_shared<batch>();
    what->body = "{}";
    what->items.push_back({item_kind::event, {0, 2}, item::no_fields});
    return {what};
  }

  arrival_listener listener() {
    auto made = spawn([this]() -> arrival_listener::behavior_type {
      return {[this](arrived_atom) { ++arrivals; }};
    });
    self->send(aut, made);
    run();
    return made;
  }

  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  storage_actor aut;
  int arrivals = 0;
};

} // namespace

TEST_SUITE_BEGIN("storage actor");

TEST_CASE_FIXTURE(fixture, "what waits together is committed together") {
  for (int i = 0; i < 5; ++i)
    self->send(aut, one_event());
  run();
  CHECK(store->commits == std::vector<std::size_t>{5});
  self->send(aut, one_event());
  run();
  CHECK(store->commits == std::vector<std::size_t>{5, 1});
}

TEST_CASE_FIXTURE(fixture, "each asker gets the answer to its own mutation") {
  store->fault = [](const std::string& what) {
    return what == "append" ? fault(ec::store_full, "full") : caf::error{};
  };
  auto refused = self->request(aut, caf::infinite, one_event());
  auto answered
    = self->request(aut, caf::infinite, storage::next{{1, 1}, cut_limits{}});
  run();
  CHECK(store->commits == std::vector<std::size_t>{2});
  refused.receive([](const receipt&) { FAIL("was taken"); },
                  [](const caf::error& why) {
                    CHECK(is(why, ec::store_full));
                    CHECK(text_of(why) == "full");
                  });
  answered.receive([](const outbound_ptr& next) { CHECK(next == nullptr); },
                   [](const caf::error&) { FAIL("was refused"); });
}

TEST_CASE_FIXTURE(fixture, "an arrival is told once a commit, after the "
                           "commit") {
  listener();
  for (int i = 0; i < 5; ++i)
    self->send(aut, one_event());
  run();
  CHECK(arrivals == 1);
}

TEST_CASE_FIXTURE(fixture, "what was not taken is not told as an arrival") {
  listener();
  store->fault
    = [](const std::string&) { return fault(ec::store_full, "full"); };
  self->send(aut, one_event());
  self->send(aut, storage::next{{1, 1}, cut_limits{}});
  run();
  CHECK(arrivals == 0);
}

TEST_CASE("a store is in trouble from a failure on until the same kind of "
          "mutation succeeds, for ten seconds at most") {
  using namespace std::chrono_literals;
  store_health health;
  const store_health::clock::time_point start{};
  const auto failed = fault(ec::store_failed, "the disk is full");
  const storage::mutation append = fixture::one_event();
  const storage::mutation next = storage::next{{1, 1}, cut_limits{}};
  CHECK(!health.trouble(start));
  health.note(append, fault(ec::store_full, "full"), start);
  health.note(next, fault(ec::fenced, "fenced"), start);
  CHECK(!health.trouble(start));
  health.note(append, failed, start);
  CHECK(health.trouble(start) == "the disk is full");
  health.note(next, {}, start);
  CHECK(health.trouble(start + 9s) == "the disk is full");
  health.note(append, {}, start + 9s);
  CHECK(!health.trouble(start + 9s));
  health.note(append, failed, start);
  CHECK(!health.trouble(start + 10s));
}

TEST_CASE_FIXTURE(fixture, "whoever watches is told how the store does") {
  auto health = std::make_shared<store_health>();
  auto watched = spawn(watched_storage_writer, all, store, health);
  store->fault
    = [](const std::string&) { return fault(ec::store_failed, "EIO"); };
  self->send(watched, one_event());
  run();
  CHECK(health->trouble(store_health::clock::now()) == "EIO");
  store->fault = nullptr;
  self->send(watched, one_event());
  run();
  CHECK(!health->trouble(store_health::clock::now()));
}

TEST_SUITE_END();
