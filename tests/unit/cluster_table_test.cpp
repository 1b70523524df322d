// SPDX-License-Identifier: Apache-2.0
// Who should have what, as one node after the other decides.
#include "actors/cluster/cluster_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace posthorn;

namespace {

/// A cluster in which each node acts on its plan as soon as it has made it.
struct model {
  explicit model(int services) {
    for (int i = 0; i < services; ++i)
      ids.push_back("service/" + std::to_string(1'000 + i));
  }

  void join(const std::string& name) {
    node_row row;
    row.name = name;
    row.alive = true;
    nodes.push_back(row);
  }

  node_row& node(const std::string& name) {
    return *std::find_if(nodes.begin(), nodes.end(),
                         [&](auto& one) { return one.name == name; });
  }

  cluster_situation seen_by(const std::string& name) {
    cluster_situation now;
    now.self = name;
    now.services_digest = node(name).services;
    now.wanted = ids;
    now.nodes = nodes;
    for (const auto& [id, owner] : owners) {
      if (owner == name)
        now.own.push_back(id);
      if (node(owner).alive)
        now.taken.push_back(id);
    }
    now.sorter_taken = !sorter.empty() && node(sorter).alive;
    return now;
  }

  void turn(const std::string& name) {
    auto plan = plan_of(seen_by(name));
    for (auto& id : plan.give)
      owners.erase(id);
    for (auto& id : plan.take)
      owners[id] = name;
    if (plan.take_sorter)
      sorter = name;
    moved += plan.give.size();
  }

  void settle() {
    for (int round = 0; round < 3; ++round)
      for (auto& one : nodes)
        if (one.alive)
          turn(one.name);
  }

  std::size_t count(const std::string& name) {
    return static_cast<std::size_t>(
      std::count_if(owners.begin(), owners.end(),
                    [&](auto& entry) { return entry.second == name; }));
  }

  std::vector<std::string> ids;
  std::vector<node_row> nodes;
  std::map<std::string, std::string> owners;
  std::string sorter;
  std::size_t moved = 0;
};

} // namespace

TEST_SUITE_BEGIN("cluster table");

TEST_CASE("a node alone takes everything, the sorting too") {
  model all{7};
  all.join("a");
  all.settle();
  CHECK(all.count("a") == 7);
  CHECK(all.sorter == "a");
  CHECK(plan_of(all.seen_by("a")).empty());
}

TEST_CASE("services are spread evenly within one, whatever joins or dies") {
  for (int services : {0, 1, 2, 3, 8, 100}) {
    model all{services};
    all.join("b");
    all.settle();
    for (const char* name : {"a", "c", "d"}) {
      all.join(name);
      all.settle();
      std::set<std::size_t> counts;
      for (auto& one : all.nodes)
        counts.insert(all.count(one.name));
      CHECK(*counts.rbegin() - *counts.begin() <= 1);
      CHECK(all.owners.size() == static_cast<std::size_t>(services));
    }
    all.node("b").alive = false;
    all.settle();
    CHECK(all.count("b") == 0);
    CHECK(all.owners.size() == static_cast<std::size_t>(services));
    CHECK(all.sorter != "b");
  }
}

TEST_CASE("no more services move than must") {
  model all{30};
  all.join("a");
  all.join("b");
  all.settle();
  all.moved = 0;
  all.join("c");
  all.settle();
  CHECK(all.moved == 10);
  CHECK(all.count("c") == 10);
}

TEST_CASE("nodes that start together do not reach for the same services") {
  model all{30};
  for (const char* name : {"a", "b", "c"})
    all.join(name);
  std::set<std::string> asked;
  std::size_t count = 0;
  for (const char* name : {"a", "b", "c"}) {
    auto plan = plan_of(all.seen_by(name));
    asked.insert(plan.take.begin(), plan.take.end());
    count += plan.take.size();
  }
  CHECK(count == 30);
  CHECK(asked.size() == 30);
}

TEST_CASE("a node that leaves gives everything and takes nothing; the others "
          "take its share") {
  model all{9};
  for (const char* name : {"a", "b", "c"})
    all.join(name);
  all.settle();
  auto now = all.seen_by("a");
  now.leaving = true;
  auto plan = plan_of(now);
  CHECK(plan.give.size() == 3);
  CHECK(plan.take.empty());
  CHECK(!plan.take_sorter);
  all.node("a").state = node_state::leaving;
  for (auto& id : plan.give)
    all.owners.erase(id);
  all.turn("b");
  all.turn("c");
  CHECK(all.owners.size() == 9);
  CHECK(all.count("a") == 0);
}

TEST_CASE(
  "while the nodes' lists differ, what is free is taken by who can, and "
  "nothing is given up") {
  model all{9};
  all.join("a");
  all.settle();
  all.join("b");
  all.node("b").services = 1;
  all.turn("a");
  CHECK(all.count("a") == 9);
  all.owners.erase(all.ids[4]);
  all.turn("b");
  CHECK(all.count("b") == 1);
  all.node("b").services = 0;
  all.settle();
  CHECK(all.count("b") == 4);
}

TEST_CASE("what is no longer configured is given up at once") {
  model all{3};
  all.join("a");
  all.settle();
  all.ids.pop_back();
  all.settle();
  CHECK(all.count("a") == 2);
}

TEST_CASE("a node that the others take for dead takes nothing") {
  model all{3};
  all.join("a");
  all.node("a").alive = false;
  CHECK(plan_of(all.seen_by("a")).empty());
}

TEST_CASE("digests of services tell lists apart, and not their order") {
  CHECK(services_digest({"a", "b"}) == services_digest({"b", "a"}));
  CHECK(services_digest({"a", "b"}) != services_digest({"a"}));
  CHECK(services_digest({"ab"}) != services_digest({"a", "b"}));
  CHECK(services_digest({}) == 0);
}

TEST_SUITE_END();
