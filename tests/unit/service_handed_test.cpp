// SPDX-License-Identifier: Apache-2.0
// A service that the sorter hands its transaction with the wake-up.
#include "tests/support/service_rig.hpp"

using namespace posthorn;
using namespace posthorn::testing;

namespace {

using strings = std::vector<std::string>;

struct fixture : service_rig {
  fixture() {
    store->fault = [this](const std::string& what) {
      if (what == "next")
        ++asked;
      return caf::error{};
    };
  }

  /// What a routing cuts for the service, under the lease of that moment.
  handed_transaction cut(int events_of_it) {
    for (int i = 0; i < events_of_it; ++i)
      store->queue.push_back("e" + std::to_string(++events));
    return {{1, store->current_epoch},
            std::get<outbound_ptr>(store->cut(cut_limits{}))};
  }

  void hand(const handed_transaction& what) {
    self->send(aut, wake_atom::value, what);
    run();
  }

  int asked = 0;
};

} // namespace

TEST_SUITE_BEGIN("handed over");

TEST_CASE_FIXTURE(fixture, "what the sorter hands over is sent, and the store "
                           "not asked for it") {
  start();
  asked = 0;
  hand(cut(1));
  hand(cut(2));
  CHECK(attempt_ids() == strings{"t-1", "t-2"});
  CHECK(asked == 0);
  CHECK(store->queue.empty());
}

TEST_CASE_FIXTURE(fixture, "what is handed over late, when it was accepted "
                           "already, is not sent again") {
  start();
  const auto late = cut(1);
  self->send(aut, wake_atom::value);
  run();
  REQUIRE(attempt_ids() == strings{"t-1"});
  hand(late);
  CHECK(attempt_ids() == strings{"t-1"});
}

TEST_CASE_FIXTURE(fixture, "D9: what is handed over while a request is open "
                           "waits for its end") {
  script->answers = {hold};
  start();
  hand(cut(1));
  const auto same = handed_transaction{
    {1, 1}, std::get<outbound_ptr>(store->cut(cut_limits{}))};
  hand(same);
  CHECK(script->requests.size() == 1);
  store->queue.push_back("e2");
  release(200);
  CHECK(attempt_ids() == strings{"t-1", "t-2"});
  CHECK(script->open_max == 1);
}

TEST_CASE_FIXTURE(fixture, "what was cut under another lease is asked for and "
                           "not believed") {
  start();
  const auto old = cut(1);
  tenure now;
  now.epoch = ++store->current_epoch;
  // Another node had the lease in between and has delivered it.
  store->queue.clear();
  store->open = nullptr;
  self->send(aut, now);
  run();
  asked = 0;
  hand(old);
  CHECK(script->requests.empty());
  CHECK(asked == 1);
}

TEST_CASE_FIXTURE(fixture, "a paused service sends nothing that is handed over "
                           "until it is resumed") {
  start();
  REQUIRE(ask<storage::nothing_more>(aut, pause_atom::value, true));
  store->paused = false;
  const auto what = cut(1);
  hand(what);
  CHECK(script->requests.empty());
  REQUIRE(ask<storage::nothing_more>(aut, pause_atom::value, false));
  CHECK(attempt_ids() == strings{"t-1"});
}

TEST_CASE_FIXTURE(fixture, "what an operator has set aside while it was on its "
                           "way is not sent") {
  start();
  REQUIRE(ask<storage::nothing_more>(aut, pause_atom::value, true));
  store->paused = false;
  const auto late = cut(1);
  CHECK(*ask<skip_answer>(aut, skip_atom::value) == skip_answer::done);
  REQUIRE(ask<storage::nothing_more>(aut, pause_atom::value, false));
  hand(late);
  CHECK(script->requests.empty());
  CHECK(store->dead.size() == 1);
  hand(cut(1));
  CHECK(store->queue.empty());
  CHECK(attempt_ids() == strings{"t-2"});
}

TEST_SUITE_END();
