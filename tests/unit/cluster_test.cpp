// SPDX-License-Identifier: Apache-2.0
// The cluster actor over a fake store, in virtual time.
#include "actors/cluster/cluster.hpp"
#include "actors/storage/storage_actor.hpp"
#include "tests/support/fake_store.hpp"
#include "tests/support/virtual_time.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

/// What a deliverer, or the sorter, was told.
struct told {
  std::vector<posthorn::epoch> epochs;
  std::shared_ptr<const session_deadline> until;
  int drains = 0;
  int wakes = 0;
  int retries = 0;
  std::vector<bool> pauses;
  std::vector<std::uint32_t> skips;
};

service_actor::behavior_type deliverer(service_actor::pointer,
                                       std::shared_ptr<told> log) {
  return {
    [log](wake_atom) { ++log->wakes; },
    [](wake_atom, const handed_transaction&) {},
    [log](retry_atom) {
      ++log->retries;
      return true;
    },
    [log](pause_atom, bool stop) {
      log->pauses.push_back(stop);
      return storage::nothing_more{};
    },
    [](skip_atom) { return skip_answer::nothing_open; },
    [log](skip_atom, std::uint32_t which) {
      log->skips.push_back(which);
      return skip_answer::done;
    },
    [](const service_config_ptr&) {},
    [log](const tenure& x) {
      log->epochs.push_back(x.epoch);
      log->until = x.until;
    },
    [log](drain_atom) {
      ++log->drains;
      return storage::nothing_more{};
    },
    [](attempt_atom, std::uint64_t) {},
  };
}

sorter_actor::behavior_type sorting(sorter_actor::pointer,
                                    std::shared_ptr<told> log) {
  return {
    [](arrived_atom) {},
    [](const directory_ptr&) {},
    [log](const tenure& x) {
      log->epochs.push_back(x.epoch);
      log->until = x.until;
    },
    [](const elsewhere_listener&) {},
    [](const storage::learn&) { return storage::learned{}; },
    [log](drain_atom) {
      ++log->drains;
      return storage::nothing_more{};
    },
    [](poll_atom) {},
    [](gather_atom) {},
  };
}

using epochs = std::vector<posthorn::epoch>;

struct fixture : virtual_time {
  fixture() {
    for (int i = 0; i < 4; ++i)
      services.push_back(std::make_shared<told>());
  }

  directory_ptr make_directory(std::size_t count) {
    auto result = std::make_shared<directory>();
    while (actors.size() < count)
      actors.push_back(spawn(deliverer, services[actors.size()]));
    for (std::size_t i = 0; i < count; ++i) {
      auto number = static_cast<service_no>(i + 1);
      result->add({number, "s" + std::to_string(number),
                   std::make_shared<service_config>(), actors[i]});
    }
    return result;
  }

  void start(std::size_t count = 4) {
    cluster_wiring wiring;
    wiring.store = store;
    wiring.writer = spawn(storage_writer, all, store);
    wiring.sorter = spawn(sorting, sorter);
    wiring.services = make_directory(count);
    wiring.self.node = "a";
    wiring.self.ttl = 10s;
    wiring.self.services = digest_of(count);
    wiring.clock = [this] { return now(); };
    const std::vector<storage::mutation> work{
      storage::open_session{wiring.self}};
    auto opened = store->commit(work);
    wiring.session = std::get<session>(*opened.front()).number;
    wiring.opened = now();
    aut = spawn(cluster, all, wiring);
    run();
  }

  std::uint64_t digest_of(std::size_t count) {
    std::vector<std::string> ids;
    for (std::size_t i = 1; i <= count; ++i)
      ids.push_back("s" + std::to_string(i));
    return services_digest(ids);
  }

  std::chrono::milliseconds now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
      scheduler().clock().now() - begin);
  }

  /// Another node, which never says a word but lives.
  void other(const std::string& name) {
    node_row row;
    row.name = name;
    row.session = ++store->last_session;
    row.alive = true;
    row.services = digest_of(4);
    store->node_rows.push_back(row);
  }

  void lease_to(const std::string& node, const std::string& name) {
    auto& row = store->lease_rows[name];
    row = {name, row.epoch + 1, node, store->find_node(node)->session, true};
  }

  std::size_t held() {
    std::size_t result = 0;
    for (auto& one : services)
      result += !one->epochs.empty() && one->epochs.back() != 0;
    return result;
  }

  long count(const std::string& what) {
    return std::count(store->asked.begin(), store->asked.end(), what);
  }

  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  std::shared_ptr<told> sorter = std::make_shared<told>();
  std::vector<std::shared_ptr<told>> services;
  std::vector<service_actor> actors;
  cluster_actor aut;
};

} // namespace

TEST_SUITE_BEGIN("cluster");

TEST_CASE_FIXTURE(fixture, "a node alone gets every lease at once") {
  start();
  CHECK(held() == 4);
  CHECK(sorter->epochs == epochs{1});
  CHECK(!services[0]->until->over());
}

TEST_CASE_FIXTURE(fixture, "one heartbeat keeps all leases, several in a ttl") {
  start();
  run_for(60s);
  CHECK(held() == 4);
  CHECK(services[0]->epochs == epochs{1});
  CHECK(!services[0]->until->over());
  CHECK(count("heartbeat") >= 15);
  CHECK(count("heartbeat") <= 18);
}

TEST_CASE_FIXTURE(fixture,
                  "when heartbeats fail, the node's own deadline comes "
                  "before the ttl has passed") {
  start();
  store->fault = [](const std::string& what) {
    return what == "heartbeat" ? fault(ec::store_failed, "disk") : caf::error{};
  };
  run_for(8s);
  CHECK(!services[0]->until->over());
  run_for(1s);
  CHECK(services[0]->until->over());
  CHECK(sorter->until->over());
}

TEST_CASE_FIXTURE(fixture, "a session that is over: all stand by, and the node "
                           "joins anew under new epochs") {
  start();
  auto before = services[0]->until;
  store->find_node("a")->alive = false;
  run_for(5s);
  CHECK(held() == 4);
  CHECK(services[0]->epochs == epochs{1, 0, 2});
  CHECK(sorter->epochs == epochs{1, 0, 2});
  CHECK(before->over());
  CHECK(!services[0]->until->over());
}

TEST_CASE_FIXTURE(fixture, "a node that joins gets its share, drained first") {
  start();
  other("b");
  run_for(1s);
  CHECK(held() == 2);
  int drains = 0;
  for (auto& one : services)
    drains += one->drains;
  CHECK(drains == 2);
  CHECK(count("give_lease") == 2);
  CHECK(sorter->epochs == epochs{1});
}

TEST_CASE_FIXTURE(fixture, "a dead node's services are taken over by the next "
                           "tick") {
  other("b");
  lease_to("b", "service/s3");
  lease_to("b", "service/s4");
  lease_to("b", "sorter");
  start();
  CHECK(held() == 2);
  CHECK(sorter->epochs.empty());
  store->find_node("b")->alive = false;
  run_for(1s);
  CHECK(held() == 4);
  CHECK(services[2]->epochs == epochs{2});
  CHECK(sorter->epochs == epochs{2});
}

TEST_CASE_FIXTURE(fixture, "a lease that went to another node is noticed") {
  start();
  other("b");
  lease_to("b", "service/s4");
  lease_to("b", "sorter");
  run_for(1s);
  CHECK(services[3]->epochs == epochs{1, 0});
  CHECK(sorter->epochs == epochs{1, 0});
}

TEST_CASE_FIXTURE(fixture, "leaving gives everything back, then the session, "
                           "and takes nothing more") {
  start();
  auto done = ask<storage::nothing_more>(aut, drain_atom::value);
  CHECK(done);
  CHECK(held() == 0);
  CHECK(store->node_rows.empty());
  for (auto& [name, row] : store->lease_rows)
    CHECK(row.node == "");
  CHECK(sorter->drains == 1);
  run_for(60s);
  CHECK(held() == 0);
  CHECK(count("open_session") == 1);
}

TEST_CASE_FIXTURE(fixture, "what others ask reaches the service's actor within "
                           "a poll") {
  start();
  store->waiting_calls[1] = {{2, 1 | 2}, {3, 4}, {4, 8 | 16, 7}};
  run_for(1s);
  CHECK(services[1]->wakes == 1);
  CHECK(services[1]->retries == 1);
  CHECK(services[2]->pauses == std::vector<bool>{true});
  CHECK(services[3]->pauses == std::vector<bool>{false});
  CHECK(services[3]->skips == std::vector<std::uint32_t>{7});
  CHECK(count("take_calls") == 1);
  run_for(10s);
  CHECK(count("take_calls") == 1);
}

TEST_CASE_FIXTURE(fixture, "a service that is no longer configured is drained, "
                           "given back and ended; a new one is taken") {
  start(3);
  CHECK(held() == 3);
  auto now = std::make_shared<directory>();
  now->add({1, "s1", std::make_shared<service_config>(), actors[0]});
  actors.push_back(spawn(deliverer, services[3]));
  now->add({4, "s4", std::make_shared<service_config>(), actors[3]});
  self->monitor(actors[1]);
  self->send(aut, directory_ptr{now});
  run();
  CHECK(services[1]->drains == 1);
  CHECK(store->lease_rows["service/s2"].node == "");
  CHECK(services[3]->epochs == epochs{1});
  bool ended = false;
  self->receive([&](const caf::down_msg&) { ended = true; },
                caf::after(0s) >> [] {});
  CHECK(ended);
}

TEST_SUITE_END();
