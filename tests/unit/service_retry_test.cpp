// SPDX-License-Identifier: Apache-2.0
// The service actor when a retry is asked for: by an operator, or by a ping
// that the service answered.
#include "tests/support/service_rig.hpp"

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

using fixture = service_rig;
using times = std::vector<long>;

} // namespace

TEST_SUITE_BEGIN("service");

TEST_CASE_FIXTURE(fixture, "D16: a ping that the service answers at 100 "
                           "attempts at 100; if that fails the next wait is "
                           "128 s") {
  script->otherwise = 500;
  start();
  arrive(1);
  run_for(100s);
  REQUIRE(attempt_times().back() == 62);
  self->send(aut, retry_atom::value);
  run_for(127s);
  CHECK(attempt_times().back() == 100);
  run_for(1s);
  CHECK(attempt_times() == times{0, 2, 6, 14, 30, 62, 100, 228});
}

TEST_CASE_FIXTURE(fixture, "D16: a ping while an attempt is open has the next "
                           "one follow its failure at once") {
  script->answers = {500, 500, hold, 500, 500};
  script->otherwise = 200;
  start();
  arrive(1);
  run_for(10s);
  REQUIRE(attempt_times() == times{0, 2, 6});
  CHECK(*ask<bool>(aut, retry_atom::value));
  CHECK(script->requests.size() == 3);
  release(500);
  // At once, and only once: then the backoff goes on with its fourth pause.
  CHECK(attempt_times() == times{0, 2, 6, 10});
  run_for(15s);
  CHECK(attempt_times() == times{0, 2, 6, 10});
  run_for(1s);
  CHECK(attempt_times() == times{0, 2, 6, 10, 26});
  CHECK(script->open_max == 1);
}

TEST_CASE_FIXTURE(fixture, "D16: a ping while the first attempt is open counts "
                           "too, and is forgotten once that is accepted") {
  script->answers = {hold, 200, hold, 500};
  start();
  arrive(1);
  CHECK(*ask<bool>(aut, retry_atom::value));
  release(500);
  CHECK(attempt_times() == times{0, 0});
  CHECK(shown_state() == "UP");
  arrive(1);
  CHECK(*ask<bool>(aut, retry_atom::value));
  release(200);
  arrive(1);
  run_for(2s);
  CHECK(attempt_times() == times{0, 0, 0, 0, 2});
}

TEST_SUITE_END();
