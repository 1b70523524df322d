// SPDX-License-Identifier: Apache-2.0
// The service actor and answers that leave open whether the service is ill or
// one event: probes, and which ids may be used again.
#include "tests/support/picky_service.hpp"

#include <array>
#include <random>

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

using fixture = picky_service;

} // namespace

TEST_SUITE_BEGIN("doubts");

TEST_CASE_FIXTURE(fixture, "a handler that hangs on one event, or fails, is "
                           "found while a probe is accepted") {
  for (auto how : {ended(outcome::timed_out), ended(outcome::broken),
                   ended(outcome::refused, 500)})
    for (int n : {1, 2, 20, 100}) {
      fixture f;
      f.bad = {n > 4 ? "e5" : "e1"};
      f.on_bad = how;
      f.start();
      f.arrive(n);
      f.arrive(3);
      f.run_for(1000s);
      CAPTURE(n);
      CHECK(f.delivered == f.all_but_bad(n + 3));
      CHECK(f.dead_names().size() == 1);
      CHECK(f.store->dead[0].second.find(to_string(how.what)) == 0);
      // A probe for each part that failed.
      CHECK(f.probes() >= 1);
      CHECK(f.probes() <= 10);
      CHECK(f.tries() <= 5 + 10 + 1);
      f.check_ids();
    }
}

TEST_CASE_FIXTURE(fixture, "no probe is sent before the last of the attempts") {
  bad = {"e5"};
  on_bad = ended(outcome::refused, 500);
  start();
  arrive(20);
  // Attempts at 0, 2, 6, 14 and 30.
  run_for(29s);
  CHECK(tries() == 4);
  CHECK(probes() == 0);
  run_for(1s);
  CHECK(dead_names() == strings{"e5"});
  CHECK(seconds() == 30);
}

TEST_CASE_FIXTURE(fixture,
                  "a hang stays an outage while the probe hangs, too") {
  bad = {"e5"};
  on_bad = ended(outcome::timed_out);
  probe = outcome::timed_out;
  start();
  arrive(20);
  run_for(10'000s);
  CHECK(store->dead.empty());
  CHECK(delivered.empty());
  CHECK(probes() == tries() - 4);
  for (const auto& x : script->requests)
    if (x.body != probe_body)
      CHECK(x.txn_id == "t-1");
  check_ids();
  probe = outcome::accepted;
  bad.clear();
  run_for(600s);
  CHECK(delivered == all_but_bad(20));
}

TEST_CASE_FIXTURE(fixture, "an outage that ends between the last attempt and "
                           "its probe costs new ids and no event") {
  for (int n : {1, 2, 100}) {
    fixture f;
    bool ill = true;
    f.script->react = [&](const exchange& what) {
      if (f.probes() == 2)
        ill = false;
      return ill ? ended(outcome::refused, 502) : f.react(what);
    };
    f.start();
    f.arrive(n);
    f.run_for(3000s);
    CAPTURE(n);
    CHECK(f.probes() == 2);
    CHECK(f.store->dead.empty());
    CHECK(f.delivered == f.all_but_bad(n));
    f.check_ids();
  }
}

TEST_CASE_FIXTURE(fixture, "a service that answers 500 to everything but an "
                           "empty transaction loses at most an event for each "
                           "full count of attempts") {
  for (int i = 1; i <= 20; ++i)
    bad.insert("e" + std::to_string(i));
  on_bad = ended(outcome::refused, 500);
  start();
  arrive(20);
  run_for(2000s);
  CHECK(store->dead.size() >= 1);
  CHECK(store->dead.size() <= 20);
  CHECK(tries() >= 5 * store->dead.size());
  bad.clear();
  run_for(600s);
  CHECK(delivered.size() + store->dead.size() == 20);
  CHECK(store->failures == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "a node that dies while a probe is open never uses "
                           "the old id again") {
  bad = {"e5"};
  on_bad = ended(outcome::refused, 500);
  int left = 0;
  // The service accepts the probe; nobody hears of it.
  script->react = [&](const exchange& what) -> std::optional<answer> {
    auto how = react(what);
    if (*what.body != probe_body || ++left > 3)
      return how;
    script->requests.back().accepted = true;
    return std::nullopt;
  };
  script->otherwise = hold;
  start();
  arrive(20);
  for (int i = 0; i < 3; ++i) {
    for (int wait = 0; wait < 600 && script->open == 0; ++wait)
      run_for(1s);
    REQUIRE(script->open == 1);
    script->held.clear();
    script->open = 0;
    restart();
  }
  run_for(600s);
  CHECK(delivered == all_but_bad(20));
  CHECK(dead_names() == strings{"e5"});
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "a node that dies after a probe was refused goes on "
                           "with the same id and the same bytes") {
  probe = outcome::timed_out;
  bad = {"e5"};
  on_bad = ended(outcome::refused, 503);
  start();
  arrive(20);
  run_for(40s);
  REQUIRE(probes() == 1);
  bad.clear();
  restart();
  run_for(40s);
  CHECK(delivered == all_but_bad(20));
  CHECK(script->requests.back().txn_id == "t-1");
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "a pause or a shutdown while a probe is open keeps "
                           "what it ended in") {
  for (bool shutdown : {false, true}) {
    fixture f;
    f.bad = {"e5"};
    f.on_bad = ended(outcome::refused, 500);
    bool held = false;
    f.script->react = [&](const exchange& what) -> std::optional<answer> {
      if (*what.body == probe_body && !std::exchange(held, true)) {
        f.script->requests.back().accepted = true;
        return std::nullopt;
      }
      return f.react(what);
    };
    f.script->otherwise = hold;
    f.start();
    f.arrive(20);
    f.run_for(40s);
    REQUIRE(f.script->open == 1);
    if (shutdown)
      f.self->send(f.aut, drain_atom::value);
    else
      f.self->send(f.aut, pause_atom::value, true);
    f.run();
    f.self->send(f.courier, done_atom::value, std::uint64_t{200}, answer_ptr{});
    f.run_for(600s);
    CHECK(f.store->trial.active());
    CHECK(f.script->requests.size() == 6);
    if (shutdown) {
      f.restart();
    } else {
      f.self->send(f.aut, pause_atom::value, false);
    }
    f.run_for(600s);
    CHECK(f.delivered == f.all_but_bad(20));
    CHECK(f.dead_names() == strings{"e5"});
    f.check_ids();
  }
}

TEST_CASE("whatever a service answers and whenever the node dies: an id older "
          "than the newest accepted one is never sent again, nothing is lost, "
          "and what is delivered is in order") {
  for (unsigned seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    fixture f;
    for (int i = 0; i < 3; ++i)
      f.bad.insert("e" + std::to_string(1 + random() % 60));
    f.on_bad
      = chance(50) ? ended(outcome::refused, 500) : ended(outcome::timed_out);
    f.config->delivery.poison_attempts = random() % 4;
    bool calm = false;
    f.script->react = [&](const exchange& what) -> std::optional<answer> {
      if (!calm && chance(30)) {
        constexpr std::array faults{400, 404, 413, 429, 500, 503};
        if (chance(60))
          return ended(outcome::refused, faults[random() % faults.size()]);
        return ended(chance(50) ? outcome::broken : outcome::unreachable);
      }
      auto how = f.react(what);
      if (calm || !chance(10))
        return how;
      // Answered, and not heard by a node that dies.
      f.script->requests.back().accepted = how.what == outcome::accepted;
      return std::nullopt;
    };
    f.script->otherwise = hold;
    f.start();
    for (int step = 0; step < 60; ++step) {
      f.arrive(1 + static_cast<int>(random() % 3));
      f.run_for(std::chrono::seconds{random() % 40});
      if (f.script->open > 0 || chance(10)) {
        f.script->held.clear();
        f.script->open = 0;
        f.restart();
      }
    }
    calm = true;
    f.script->held.clear();
    f.script->open = 0;
    auto changed = std::make_shared<service_config>(*f.config);
    changed->delivery.poison_attempts = 2;
    f.config = changed;
    f.restart();
    f.run_for(100'000s);
    f.check_ids();
    CHECK(f.store->queue.empty());
    std::set<std::string> seen;
    for (const auto& one : f.dead_names())
      seen.insert(one);
    int newest = 0;
    for (const auto& one : f.delivered) {
      CHECK(f.bad.count(one) == 0);
      const auto n = std::stoi(one.substr(1));
      if (seen.insert(one).second) {
        CHECK(n > newest);
        newest = n;
      }
    }
    CHECK(seen.size() == static_cast<std::size_t>(f.events));
  }
}

TEST_SUITE_END();
