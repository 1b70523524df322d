// SPDX-License-Identifier: Apache-2.0
// What the dump shows of an actor.
#include "actors/metrics/metrics.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

using namespace posthorn;
using namespace posthorn::testing;

namespace {

struct worker_state {
  static constexpr const char* name = "worker";
};

using worker_self = counted_actor<arrival_listener, worker_state>;

arrival_listener::behavior_type worker(worker_self* self, census_ptr all) {
  self->enlist(*all, "worker/1");
  return {[](arrived_atom) {}};
}

} // namespace

TEST_SUITE_BEGIN("census");

TEST_CASE_FIXTURE(virtual_time, "the dump counts what waits and what was "
                                "handled") {
  auto counting = spawn(metrics, all);
  auto aut = spawn(worker, all);
  run();
  for (int i = 0; i < 3; ++i)
    self->send(aut, arrived_atom::value);
  auto before = all->snapshot();
  REQUIRE(before.size() == 2);
  CHECK(before[1].name == "worker/1");
  CHECK(before[1].mailbox == 3);
  CHECK(before[1].handled == 0);
  run();
  auto after = ask<actor_dump>(counting, dump_atom::value);
  REQUIRE(after);
  CHECK(after->at(1).mailbox == 0);
  CHECK(after->at(1).handled == 3);
  CHECK(after->at(1).mailbox_peak == 3);
  CHECK(after->at(1).last_message == "arrived");
}

TEST_CASE_FIXTURE(virtual_time,
                  "an actor that has ended is shown as ended while "
                  "somebody still knows it") {
  auto aut = spawn(worker, all);
  run();
  self->send_exit(aut, caf::exit_reason::user_shutdown);
  run();
  CHECK(all->snapshot().at(0).state == "ended");
}

TEST_SUITE_END();
