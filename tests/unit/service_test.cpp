// SPDX-License-Identifier: Apache-2.0
// The service actor over a fake store and a scripted courier, in virtual time:
// when it attempts what, and what it tells the store.
#include "tests/support/service_rig.hpp"

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

using fixture = service_rig;
using strings = std::vector<std::string>;
using times = std::vector<long>;

} // namespace

TEST_SUITE_BEGIN("service");

TEST_CASE_FIXTURE(fixture, "D1: an event goes out once, with the service's "
                           "token, and the service stays UP") {
  start();
  arrive(1);
  REQUIRE(script->requests.size() == 1);
  CHECK(script->requests[0].url
        == "http://bridge:1/base/_matrix/app/v1/transactions/t-1");
  CHECK(script->requests[0].bearer == "hs1");
  CHECK(script->requests[0].body == "e1 ");
  CHECK(store->queue.empty());
  CHECK(shown_state() == "UP");
}

TEST_CASE_FIXTURE(fixture, "D2: two failures, recovery, and the next one at "
                           "once") {
  script->answers = {500, 500, 200, 200};
  start();
  arrive(1);
  run_for(1s);
  arrive(1);
  CHECK(shown_state() == "DOWN");
  run_for(10s);
  CHECK(attempt_times() == times{0, 2, 6, 6});
  CHECK(attempt_ids() == strings{"t-1", "t-1", "t-1", "t-2"});
  CHECK(shown_state() == "UP");
}

TEST_CASE_FIXTURE(fixture,
                  "D3: a dead service is tried after 2, 4, 8 ... 512 s, "
                  "always with the same transaction") {
  script->otherwise = dead;
  start();
  arrive(1);
  run_for(500s);
  arrive(3);
  run_for(1'100s);
  CHECK(attempt_times()
        == times{0, 2, 6, 14, 30, 62, 126, 254, 510, 1022, 1534});
  for (const auto& x : script->requests) {
    CHECK(x.txn_id == "t-1");
    CHECK(x.body == "e1 ");
  }
}

TEST_CASE_FIXTURE(fixture, "a success starts the backoff from its beginning") {
  script->answers = {500, 500, 500, 200, 500, 200};
  start();
  arrive(1);
  run_for(14s);
  CHECK(attempt_times() == times{0, 2, 6, 14});
  arrive(1);
  run_for(5s);
  CHECK(attempt_times() == times{0, 2, 6, 14, 14, 16});
  CHECK(store->failures == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "a failure while an outage is drained waits 2 s, not "
                  "where the outage was") {
  script->answers = {500, 500, 200, 503, 200};
  start();
  arrive(150);
  run_for(20s);
  CHECK(attempt_times() == times{0, 2, 6, 6, 8});
  CHECK(attempt_ids() == strings{"t-1", "t-1", "t-1", "t-2", "t-2"});
}

TEST_CASE_FIXTURE(fixture, "retry attempts at once; if that fails the backoff "
                           "goes on where it was") {
  script->otherwise = 500;
  start();
  arrive(1);
  run_for(20s);
  CHECK(attempt_times() == times{0, 2, 6, 14});
  CHECK(*ask<bool>(aut, retry_atom::value));
  CHECK(attempt_times() == times{0, 2, 6, 14, 20});
  // The next pause is the fifth one, 32 s, and the timer of the fourth (due at
  // 30 s) is void.
  run_for(31s);
  CHECK(attempt_times() == times{0, 2, 6, 14, 20});
  run_for(1s);
  CHECK(attempt_times() == times{0, 2, 6, 14, 20, 52});
}

TEST_CASE_FIXTURE(fixture, "the late timer of an outage that is over attempts "
                           "nothing") {
  script->answers = {500, 500, 500, 200};
  start();
  arrive(1);
  run_for(7s);
  REQUIRE(attempt_times() == times{0, 2, 6});
  CHECK(*ask<bool>(aut, retry_atom::value)); // accepted at 7, timer is at 14
  CHECK(shown_state() == "UP");
  script->answers = {hold};
  run_for(6s);
  arrive(1);
  run_for(30s);
  CHECK(attempt_times() == times{0, 2, 6, 7, 13});
  CHECK(script->open_max == 1);
}

TEST_CASE_FIXTURE(fixture,
                  "D9: whatever comes, one request is open at a time") {
  script->answers = {hold};
  start();
  arrive(1);
  for (int i = 0; i < 50; ++i) {
    arrive(1);
    self->send(aut, retry_atom::value);
    self->send(aut, attempt_atom::value, std::uint64_t{0});
    self->send(aut, attempt_atom::value, std::uint64_t{1});
    run_for(1s);
  }
  CHECK(script->requests.size() == 1);
  release(200);
  CHECK(script->open_max == 1);
  CHECK(attempt_ids() == strings{"t-1", "t-2"});
  CHECK(store->queue.empty());
}

TEST_CASE_FIXTURE(fixture, "D8: what arrives while a request is open goes in "
                           "hundreds after it") {
  script->answers = {hold};
  start();
  arrive(1);
  for (int i = 0; i < 199; ++i)
    arrive(1);
  release(200);
  REQUIRE(script->requests.size() == 3);
  const auto words
    = [](const std::string& s) { return std::count(s.begin(), s.end(), ' '); };
  CHECK(words(script->requests[1].body) == 100);
  CHECK(words(script->requests[2].body) == 99);
}

TEST_CASE_FIXTURE(fixture, "an event that is routed between 'nothing left' and "
                           "'become UP' is not left lying") {
  script->answers = {500, hold};
  start();
  arrive(1);
  run_for(2s);
  // The store will have answered "nothing left" before the event comes, and the
  // wake-up reaches the actor before that answer does.
  bool once = true;
  store->fault = [&](const std::string& what) {
    if (what == "complete" && std::exchange(once, false)) {
      self->send(aut, wake_atom::value);
    } else if (what == "next") {
      store->queue.push_back("late");
      store->fault = nullptr;
    }
    return caf::error{};
  };
  release(200);
  CHECK(attempt_ids() == strings{"t-1", "t-1", "t-2"});
  CHECK(shown_state() == "UP");
}

TEST_CASE_FIXTURE(fixture, "what was open when the node died is sent at once, "
                           "without a new event") {
  store->queue = {"a", "b"};
  start();
  CHECK(attempt_times() == times{0});
  CHECK(script->requests[0].body == "a b ");
}

TEST_CASE_FIXTURE(fixture, "a service that was DOWN when the node died goes on "
                           "recovering where it was") {
  store->queue = {"a"};
  store->failures = 4;
  store->next_attempt = wall_begin + 9s;
  script->answers = {500, 200};
  start();
  CHECK(shown_state() == "DOWN");
  CHECK(attempt_times().empty());
  run_for(100s);
  CHECK(attempt_times() == times{9, 41});
}

TEST_CASE_FIXTURE(fixture, "a stored due time beyond the longest pause is not "
                           "waited for") {
  store->queue = {"a"};
  store->failures = 1;
  store->next_attempt = wall_begin + 100'000s;
  start();
  run_for(2s);
  CHECK(attempt_times() == times{2});
}

TEST_CASE_FIXTURE(fixture,
                  "what was accepted is not sent again while the store "
                  "cannot note it") {
  start();
  store->fault = [](const std::string& what) {
    return what == "complete" ? fault(ec::store_failed, "no space left")
                              : caf::error{};
  };
  arrive(1);
  run_for(5s);
  CHECK(attempt_times() == times{0});
  store->fault = nullptr;
  run_for(1s);
  CHECK(store->queue.empty());
  arrive(1);
  CHECK(attempt_ids() == strings{"t-1", "t-2"});
}

TEST_CASE_FIXTURE(fixture, "a store that fails is asked again until it "
                           "answers") {
  start();
  store->fault = [](const std::string& what) {
    return what == "next" ? fault(ec::store_failed, "I/O error") : caf::error{};
  };
  arrive(1);
  run_for(3s);
  CHECK(attempt_times().empty());
  store->fault = nullptr;
  run_for(1s);
  CHECK(attempt_times() == times{4});
}

TEST_CASE_FIXTURE(fixture, "under an old epoch nothing is sent and the actor "
                           "stands by") {
  start();
  store->current_epoch = 2;
  arrive(1);
  run_for(100s);
  CHECK(attempt_times().empty());
  CHECK(shown_state() == "STANDBY");
}

TEST_CASE_FIXTURE(fixture, "a paused service keeps its events and sends them "
                           "when it is resumed") {
  script->answers = {500};
  start();
  arrive(1);
  CHECK(ask<storage::nothing_more>(aut, pause_atom::value, true));
  CHECK(shown_state() == "PAUSED");
  arrive(2);
  run_for(600s);
  CHECK(attempt_times() == times{0});
  CHECK(store->queue.size() == 3);
  CHECK(ask<storage::nothing_more>(aut, pause_atom::value, false));
  run_for(2s);
  CHECK(attempt_ids() == strings{"t-1", "t-1", "t-2"});
  CHECK(shown_state() == "UP");
}

TEST_CASE_FIXTURE(fixture, "draining waits for the request that is open, and "
                           "sends no other") {
  script->answers = {hold};
  start();
  arrive(101);
  auto pending = self->request(aut, caf::infinite, drain_atom::value);
  run();
  CHECK(script->open == 1);
  release(200);
  bool answered = false;
  pending.receive([&](const storage::nothing_more&) { answered = true; },
                  [](const caf::error&) {});
  CHECK(answered);
  CHECK(script->requests.size() == 1);
  CHECK(store->queue.size() == 1);
}

TEST_CASE_FIXTURE(
  fixture, "R8: a new URL and token are used by the next attempt of a service "
           "that is DOWN") {
  script->answers = {dead};
  start();
  arrive(1);
  auto config = std::make_shared<service_config>();
  config->registration.id = "irc";
  config->registration.url = "http://elsewhere:2";
  config->registration.hs_token = "hs2";
  self->send(aut, service_config_ptr{config});
  run_for(2s);
  REQUIRE(script->requests.size() == 2);
  CHECK(script->requests[1].url
        == "http://elsewhere:2/_matrix/app/v1/transactions/t-1");
  CHECK(script->requests[1].bearer == "hs2");
}

TEST_SUITE_END();
