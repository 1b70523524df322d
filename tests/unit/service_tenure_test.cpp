// SPDX-License-Identifier: Apache-2.0
// A service whose lease comes and goes.
#include "tests/support/service_rig.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::testing;

namespace {

struct fixture : service_rig {
  /// The node gets the lease, under a new epoch.
  void grant() {
    tenure now;
    now.epoch = ++store->current_epoch;
    until = std::make_shared<session_deadline>([this] { return clock; });
    until->move(clock + 9s);
    now.until = until;
    self->send(aut, now);
    run();
  }

  /// The node has not got it any more.
  void revoke() {
    self->send(aut, tenure{});
    run();
  }

  std::chrono::milliseconds clock{1'000'000};
  std::shared_ptr<session_deadline> until;
};

} // namespace

TEST_SUITE_BEGIN("service tenure");

TEST_CASE_FIXTURE(fixture,
                  "without the lease nothing is sent, whatever comes") {
  start();
  revoke();
  arrive(2);
  run_for(1h);
  CHECK(script->requests.empty());
  CHECK(shown_state() == "STANDBY");
  grant();
  REQUIRE(script->requests.size() == 1);
  CHECK(shown_state() == "UP");
}

TEST_CASE_FIXTURE(fixture, "who is asked for a retry without the lease asks "
                           "the owner through the store") {
  start();
  revoke();
  auto answer = ask<bool>(aut, retry_atom::value);
  REQUIRE(answer);
  CHECK(!*answer);
  REQUIRE(store->asked_of_owners.size() == 1);
  CHECK(store->asked_of_owners[0].kind == call_kind::retry);
  CHECK(script->requests.empty());
}

TEST_CASE_FIXTURE(fixture, "who is asked for a skip without the lease asks the "
                           "owner through the store, unless there is none") {
  script->answers = {503};
  start();
  arrive(1);
  revoke();
  const auto ask_it
    = [this] { return ask<skip_answer>(aut, skip_atom::value); };
  auto answer = ask_it();
  REQUIRE(answer);
  CHECK(*answer == skip_answer::asked);
  REQUIRE(store->asked_of_owners.size() == 1);
  CHECK(store->asked_of_owners[0].kind == call_kind::skip);
  store->owned = false;
  answer = ask_it();
  REQUIRE_FALSE(answer);
  CHECK(text_of(answer.error())
        == "no node delivers to service irc at the moment: try again in a "
           "second");
  store->open = nullptr;
  CHECK(*ask_it() == skip_answer::nothing_open);
}

TEST_CASE_FIXTURE(fixture, "when the session has run out, nothing is sent "
                           "until it is renewed") {
  start();
  revoke();
  grant();
  clock += 9s;
  arrive(1);
  run_for(5s);
  CHECK(script->requests.empty());
  until->move(clock + 9s);
  run_for(1s);
  REQUIRE(script->requests.size() == 1);
  CHECK(store->queue.empty());
}

TEST_CASE_FIXTURE(fixture, "a lease that goes while a request is open: its end "
                           "is not written, and nothing follows") {
  script->answers = {hold};
  start();
  arrive(1);
  REQUIRE(script->requests.size() == 1);
  ++store->current_epoch;
  revoke();
  arrive(1);
  release(200);
  run_for(1h);
  CHECK(script->requests.size() == 1);
  CHECK(store->queue.size() == 2);
}

TEST_CASE_FIXTURE(fixture, "a lease that is granted anew while a request is "
                           "open: one request at a time, and its end counts") {
  script->answers = {hold};
  start();
  arrive(1);
  REQUIRE(script->requests.size() == 1);
  revoke();
  grant();
  CHECK(script->requests.size() == 1);
  release(200);
  CHECK(store->queue.empty());
  arrive(1);
  CHECK(script->requests.size() == 2);
}

TEST_CASE_FIXTURE(fixture, "what another node has finished meanwhile is not "
                           "sent again") {
  script->answers = {hold};
  start();
  arrive(1);
  REQUIRE(script->requests.size() == 1);
  revoke();
  store->queue.clear();
  store->open = nullptr;
  store->queue.push_back("other");
  grant();
  release(200);
  run_for(1h);
  REQUIRE(script->requests.size() == 2);
  CHECK(script->requests[1].txn_id == "t-2");
}

TEST_CASE_FIXTURE(fixture,
                  "a service that is DOWN hands over its failures with "
                  "the lease") {
  script->answers = {500};
  start();
  arrive(1);
  CHECK(shown_state() == "DOWN");
  revoke();
  CHECK(shown_state() == "STANDBY");
  run_for(1h);
  CHECK(script->requests.size() == 1);
  grant();
  run_for(10s);
  CHECK(script->requests.size() == 2);
  CHECK(store->queue.empty());
}

TEST_SUITE_END();
