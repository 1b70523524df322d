// SPDX-License-Identifier: Apache-2.0
// This node's part in the cluster of nodes that share the store.
#pragma once

#include "actors/cluster/cluster_table.hpp"
#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"
#include "actors/sorter/directory.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace posthorn {

/// What the cluster actor is given to work with.
struct cluster_wiring {
  std::shared_ptr<storage::store> store;
  storage_actor writer;
  sorter_actor sorter;
  directory_ptr services;
  session_request self;
  /// The session that is open, asked for at `opened` by `clock`.
  session_no session = 0;
  std::chrono::milliseconds opened{0};
  /// How often the store is asked whether somebody calls.
  std::chrono::milliseconds poll_interval{1'000};
  session_deadline::clock clock = boot_time;
};

struct cluster_state;

using cluster_self = counted_actor<cluster_actor, cluster_state>;

/// Every tick: a heartbeat when one is due, a look at nodes and leases, then
/// what plan_of() says. A lease is granted in a session and lasts as long: one
/// small write for all of them. What is given up is drained first: the actor
/// finishes its open request, then the lease goes.
///
/// A node that was frozen, or whose disk stood still, finds its session over:
/// its heartbeat is refused. All its actors stand by, and it joins anew.
struct cluster_state {
  explicit cluster_state(cluster_self* owner) : self{owner} {}

  // cluster.cpp: the session, what is looked at and told
  void tick();
  void beat();
  void join();
  void session_over();
  void look();
  void publish();
  void answer_calls();
  void pass_on(const service_call& what);
  void replace(directory_ptr services);
  void finish_leaving();
  std::chrono::milliseconds tick_interval() const;

  // cluster_leases.cpp: what is held, taken and given back
  struct holding {
    posthorn::epoch epoch = 0;
    /// Invalid for the sorter's lease.
    service_actor actor;
    bool giving = false;
  };

  void compare();
  void act();
  void take(const std::string& name);
  void taken(const std::string& name, posthorn::epoch epoch, session_no in);
  void give(const std::string& name);
  void given(const std::string& name, posthorn::epoch epoch);
  void stand_by(const std::string& name, const holding& what);
  cluster_situation situation() const;

  cluster_self* self;
  cluster_wiring wiring;
  /// By lease name: who delivers, of the services that can be delivered to.
  std::map<std::string, service_actor> deliverers;
  std::uint64_t digest = 0;
  session_no session = 0;
  std::shared_ptr<session_deadline> until;
  /// A heartbeat or a new session was asked for and not answered yet; since
  /// when, by the node's clock.
  bool beating = false;
  std::chrono::milliseconds asked{0};
  /// What the last heartbeat said besides.
  node_state said = node_state::up;
  std::uint64_t said_services = 0;
  bool called = false;
  /// Something has changed since the last plan.
  bool unsettled = true;

  std::vector<node_row> nodes;
  lease_list leases;
  std::map<std::string, holding> held;
  /// Leases that were asked for.
  std::map<std::string, session_no> asking;

  bool leaving = false;
  std::vector<caf::typed_response_promise<storage::nothing_more>> left;
  std::vector<cluster_listener> listeners;
  cluster_view_ptr shown;

  static constexpr const char* name = "cluster";
};

/// Joins at once. It reads the store: spawn it detached.
cluster_actor::behavior_type cluster(cluster_self* self, const census_ptr& all,
                                     cluster_wiring wiring);

} // namespace posthorn
