// SPDX-License-Identifier: Apache-2.0
// What the dump shows of an actor.
#include "actors/metrics/metrics.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

#include <thread>

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

TEST_CASE_FIXTURE(virtual_time, "the dump says how old the oldest message is") {
  using std::chrono::milliseconds;
  auto aut = spawn(worker, all);
  run();
  CHECK(all->snapshot().at(0).oldest == milliseconds{0});
  self->send(aut, arrived_atom::value);
  const auto until = std::chrono::steady_clock::now() + milliseconds{20};
  while (std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  for (int i = 0; i < 5; ++i)
    self->send(aut, arrived_atom::value);
  auto now = all->snapshot().at(0);
  CHECK(now.oldest >= milliseconds{20});
  CHECK(now.no_progress >= milliseconds{20});
  // Of more than are remembered it is at least the age of the oldest of those.
  for (std::size_t i = 0; i < actor_card::remembered; ++i)
    self->send(aut, arrived_atom::value);
  CHECK(all->snapshot().at(0).oldest >= now.oldest);
  CHECK(all->snapshot().at(0).no_progress >= now.no_progress);
  run();
  now = all->snapshot().at(0);
  CHECK(now.oldest == milliseconds{0});
  CHECK(now.no_progress == milliseconds{0});
}

TEST_CASE_FIXTURE(virtual_time, "an actor started again under its name counts "
                                "as a restart") {
  auto first = spawn(worker, all);
  run();
  CHECK(all->snapshot().at(0).restarts == 0);
  self->send_exit(first, caf::exit_reason::user_shutdown);
  run();
  auto second = spawn(worker, all);
  run();
  bool seen = false;
  for (const auto& one : all->snapshot())
    seen = seen || (one.state == "running" && one.restarts == 1);
  CHECK(seen);
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
