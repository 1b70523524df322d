// SPDX-License-Identifier: Apache-2.0
// The service actor and a service that refuses some events: what is cut anew,
// what is set aside, and what stays an outage.
#include "tests/support/picky_service.hpp"

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

using fixture = picky_service;

} // namespace

TEST_SUITE_BEGIN("poison");

TEST_CASE_FIXTURE(fixture, "D13: 413 cuts smaller under new ids, in order, and "
                           "the events behind go in hundreds again") {
  events_max = 30;
  start();
  store->queue.clear();
  for (int i = 0; i < 100; ++i)
    store->queue.push_back("e" + std::to_string(++events));
  self->send(aut, wake_atom::value);
  run();
  CHECK(delivered == all_but_bad(100));
  CHECK(script->requests.size() == 2 + 4);
  events_max = 1000;
  arrive(100);
  CHECK(delivered == all_but_bad(200));
  CHECK(script->requests.size() == 2 + 4 + 1);
  CHECK(store->dead.empty());
  check_ids();
}

TEST_CASE_FIXTURE(fixture,
                  "D13: one event that alone gets 413 is a dead letter "
                  "with its reason, and the rest flows") {
  bad = {"e40"};
  on_bad = ended(outcome::refused, 413, "<html>nginx</html>");
  start();
  arrive(250);
  CHECK(delivered == all_but_bad(250));
  REQUIRE(store->dead.size() == 1);
  CHECK(store->dead[0].first == "e40");
  CHECK(store->dead[0].second.find("nginx") != std::string::npos);
  CHECK(seconds() == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "D13: one poison event of a hundred is found in at "
                           "most 10 further tries") {
  bad = {"e73"};
  start();
  store->paused = true;
  arrive(150);
  store->paused = false;
  self->send(aut, wake_atom::value);
  run_for(60s);
  CHECK(delivered == all_but_bad(150));
  CHECK(dead_names() == strings{"e73"});
  CHECK(store->dead[0].second.find("M_BAD_JSON") != std::string::npos);
  // Five attempts at the whole, the search, and the fifty behind.
  CHECK(tries() <= 5 + 10 + 1);
  CHECK(script->requests.back().at == 30);
  CHECK(probes() == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "two poison events of one transaction are both set "
                           "aside") {
  bad = {"e30", "e31"};
  start();
  arrive(100);
  run_for(60s);
  CHECK(delivered == all_but_bad(100));
  CHECK(dead_names() == strings{"e30", "e31"});
  CHECK(store->failures == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "a service that is down for a day before it refuses "
                           "is given all its attempts") {
  bad = {"e2"};
  down = true;
  start();
  arrive(3);
  run_for(24h);
  CHECK(store->dead.empty());
  CHECK(script->requests.size() > 100);
  down = false;
  run_for(3000s);
  CHECK(delivered == strings{"e1", "e3"});
  CHECK(dead_names() == strings{"e2"});
  CHECK(store->refusals == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "an outage in the middle of a search waits, and the "
                           "search goes on") {
  bad = {"e73"};
  start();
  arrive(100);
  run_for(13s);
  script->react = [this](const exchange& what) {
    // After the first part was accepted.
    auto how = react(what);
    down = !delivered.empty() && store->dead.empty() && seconds() < 1000;
    return how;
  };
  run_for(5000s);
  CHECK(delivered == all_but_bad(100));
  CHECK(dead_names() == strings{"e73"});
  check_ids();
}

TEST_CASE_FIXTURE(fixture,
                  "a service set to never bisect keeps retrying, and is "
                  "never probed") {
  config->delivery.poison_attempts = 0;
  bad = {"e5"};
  start();
  arrive(20);
  run_for(10'000s);
  on_bad = ended(outcome::refused, 500);
  run_for(10'000s);
  CHECK(store->dead.empty());
  for (const auto& x : script->requests)
    CHECK(x.txn_id == "t-1");
}

TEST_CASE_FIXTURE(fixture,
                  "D19: a node that dies at any step of a search goes on "
                  "with it, and nothing is lost or reordered") {
  for (int step = 0; step < 14; ++step) {
    fixture f;
    f.bad = {"e30", "e77"};
    f.start();
    f.arrive(100);
    f.run_for(30s);
    fixture g;
    g.bad = f.bad;
    int left = step;
    // The answer never arrives: the node dies with this request open.
    g.script->react = [&](const exchange& what) -> std::optional<answer> {
      if (g.store->trial.active() && left-- == 0)
        return std::nullopt;
      return g.react(what);
    };
    g.script->otherwise = hold;
    g.start();
    g.arrive(100);
    g.run_for(30s);
    g.script->held.clear();
    g.script->open = 0;
    g.restart();
    g.run_for(3000s);
    CAPTURE(step);
    CHECK(g.delivered == f.delivered);
    CHECK(g.dead_names() == strings{"e30", "e77"});
    g.check_ids();
  }
}

TEST_CASE_FIXTURE(fixture, "a store that cannot note a search is asked again") {
  bad = {"e2"};
  start();
  bool once = true;
  store->fault = [&](const std::string& what) {
    return (what == "recut" || what == "set_aside")
               && std::exchange(once, !once)
             ? posthorn::fault(ec::store_failed, "no space left")
             : caf::error{};
  };
  arrive(4);
  run_for(600s);
  CHECK(delivered == strings{"e1", "e3", "e4"});
  CHECK(dead_names() == strings{"e2"});
  check_ids();
}

TEST_SUITE_END();
