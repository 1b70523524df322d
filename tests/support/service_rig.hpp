// SPDX-License-Identifier: Apache-2.0
// A service actor over a fake store and a scripted courier, in virtual time.
#pragma once

#include "actors/service/service.hpp"
#include "actors/storage/storage_actor.hpp"
#include "tests/support/fake_store.hpp"
#include "tests/support/scripted_courier.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

namespace posthorn::testing {

using namespace std::chrono_literals;

struct service_rig : virtual_time {
  service_rig() {
    script->clock = [this] { return seconds(); };
    writer = spawn(storage_writer, all, store);
    courier = spawn(scripted_courier, script);
  }

  void start() {
    auto config = std::make_shared<service_config>();
    config->registration.id = "irc";
    config->registration.url = "http://bridge:1/base";
    config->registration.hs_token = "hs1";
    config->recovery.jitter = false;
    // What is held against a transaction has tests of its own.
    config->delivery.poison_attempts = 0;
    service_wiring wiring;
    wiring.who = {1, 1};
    wiring.config = config;
    wiring.writer = writer;
    wiring.courier = courier;
    wiring.tracer = tracer;
    wiring.backlog = backlog;
    wiring.spread = [] { return 0.0; };
    wiring.wall_clock
      = [this] { return wall_begin + std::chrono::seconds{seconds()}; };
    aut = spawn(service, all, wiring);
    run();
  }

  /// New events in the queue, and the sorter's wake-up.
  void arrive(int n) {
    for (int i = 0; i < n; ++i)
      store->queue.push_back("e" + std::to_string(++events));
    self->send(aut, wake_atom::value);
    run();
  }

  /// The service answers the request that is open.
  void release(std::uint64_t status) {
    self->send(courier, done_atom::value, status, answer_ptr{});
    run();
  }

  std::vector<long> attempt_times() {
    std::vector<long> result;
    for (const auto& x : script->requests)
      result.push_back(x.at);
    return result;
  }

  std::vector<std::string> attempt_ids() {
    std::vector<std::string> result;
    for (const auto& x : script->requests)
      result.push_back(x.txn_id);
    return result;
  }

  std::string shown_state() {
    for (const auto& x : all->snapshot())
      if (x.name == "service/irc")
        return x.state;
    return "unknown";
  }

  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  std::shared_ptr<courier_script> script = std::make_shared<courier_script>();
  std::chrono::system_clock::time_point wall_begin{1'700'000'000s};
  storage_actor writer;
  courier_actor courier;
  /// Is told of nothing unless a test sets both.
  tracer_actor tracer;
  std::shared_ptr<trace_backlog> backlog;
  service_actor aut;
  int events = 0;
};

} // namespace posthorn::testing
