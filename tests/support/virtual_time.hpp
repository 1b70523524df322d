// SPDX-License-Identifier: Apache-2.0
// A fixture that runs actors on CAF's deterministic scheduler: no threads, and
// time moves only when told to.
#pragma once

#include "actors/metrics/census.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace posthorn::testing {

struct virtual_time {
  virtual_time() = default;
  virtual_time(const virtual_time&) = delete;
  virtual_time& operator=(const virtual_time&) = delete;

  /// Actors that still wait for a timer would keep the system alive for ever.
  ~virtual_time() {
    for (auto& x : spawned)
      caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
    scheduler().run();
    scheduler().clock().cancel_all();
  }

  template <class... Ts>
  auto spawn(Ts&&... xs) {
    auto result = sys.spawn(std::forward<Ts>(xs)...);
    spawned.push_back(caf::actor_cast<caf::actor>(result));
    return result;
  }

  caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());
  }

  /// Works off what can be done without time passing.
  void run() {
    scheduler().run();
  }

  /// Lets `span` pass, stopping at every due time on the way: advance_time()
  /// would fire a timer that re-arms itself only once.
  void run_for(caf::timespan span) {
    auto& clock = scheduler().clock();
    const auto end = clock.now() + span;
    for (run(); !clock.schedule().empty(); run()) {
      const auto due = clock.schedule().begin()->first;
      if (due > end)
        break;
      scheduler().advance_time(std::max(due - clock.now(), caf::timespan{0}));
    }
    scheduler().advance_time(end - clock.now());
    run();
  }

  /// Virtual time since the fixture began, in whole seconds.
  long seconds() {
    const auto now = scheduler().clock().now() - begin;
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
  }

  /// Asks and returns the answer, or the error.
  template <class Answer, class Handle, class... Ts>
  caf::expected<Answer> ask(const Handle& whom, Ts&&... xs) {
    auto pending = self->request(whom, caf::infinite, std::forward<Ts>(xs)...);
    run();
    caf::expected<Answer> result{caf::sec::runtime_error};
    pending.receive([&](Answer& x) { result = std::move(x); },
                    [&](caf::error& x) { result = std::move(x); });
    return result;
  }

  static caf::actor_system_config& prepare(caf::actor_system_config& cfg) {
    cfg.set("scheduler.policy", caf::atom("testing"));
    return cfg;
  }

  caf::actor_system_config cfg;
  caf::actor_system sys{prepare(cfg)};
  caf::scoped_actor self{sys};
  std::vector<caf::actor> spawned;
  census_ptr all = std::make_shared<census>();
  caf::actor_clock::time_point begin = scheduler().clock().now();
};

} // namespace posthorn::testing
