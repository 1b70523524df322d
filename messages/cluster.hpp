// SPDX-License-Identifier: Apache-2.0
// Nodes that share a store: sessions, leases, and what one asks of another
// through the store.
#pragma once

#include "messages/transaction.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace posthorn {

/// Number of a session: counted over all nodes of a store, never used twice.
using session_no = std::uint64_t;

/// What a node says of itself. On disk, do not renumber.
enum class node_state : std::uint8_t {
  up = 1,
  /// Takes on nothing new, and gives back what it has.
  leaving = 2,
};

/// Asks for a session.
struct session_request {
  /// The node's name, unique among those that share the store.
  std::string node;
  /// How long after its last heartbeat the session is over.
  std::chrono::milliseconds ttl{10'000};
  /// Where other nodes reach this one; empty where they cannot.
  std::string address;
  /// Where operators reach it: a URL of the admin API, http://host:port or
  /// unix:/path; empty where that is not known.
  std::string admin;
  /// The program's version.
  std::string version;
  /// As pulse::services.
  std::uint64_t services = 0;
};

/// A session that was opened.
struct session {
  std::string node;
  session_no number = 0;
};

/// A sign of life.
struct pulse {
  std::string node;
  session_no session = 0;
  node_state state = node_state::up;
  /// Digest of the services that the node can deliver to: nodes with the same
  /// one share them evenly.
  std::uint64_t services = 0;
};

/// A node as the store knows it.
struct node_row {
  std::string name;
  session_no session = 0;
  node_state state = node_state::up;
  /// Whether its session is not over, by the store's clock.
  bool alive = false;
  std::chrono::milliseconds ttl{0};
  /// Since its last heartbeat; of another boot of the host: the ttl.
  std::chrono::milliseconds silent{0};
  std::uint64_t services = 0;
  std::string address;
  /// As session_request::admin.
  std::string admin;
  std::string version;
};

/// Asks for a lease.
struct lease_request {
  /// What it is on: "sorter" or "service/<id>".
  std::string name;
  /// Who asks, in which session.
  std::string node;
  session_no session = 0;
};

/// A lease that was granted.
struct lease {
  std::string name;
  posthorn::epoch epoch = 0;
};

/// A lease as the store knows it.
struct lease_row {
  std::string name;
  posthorn::epoch epoch = 0;
  /// Who was granted it last; empty where it was given back.
  std::string node;
  session_no session = 0;
  /// Whether that session is alive.
  bool held = false;
};

/// All leases, unless they have not changed.
struct lease_list {
  /// Grows with each grant and each giving back.
  std::uint64_t changes = 0;
  std::vector<lease_row> rows;
};

/// The cluster as one node sees it.
struct cluster_view {
  /// That node, and its session.
  std::string self;
  session_no session = 0;
  std::vector<node_row> nodes;
  /// By lease name: who was granted it last. Whether that node is alive, nodes
  /// says.
  std::map<std::string, std::string> owners;
};

/// What may be asked of a service's owner through the store. On disk, do not
/// renumber.
enum class call_kind : std::uint8_t {
  /// There is something in the queue.
  wake = 1,
  /// Attempt now what waits for its next attempt.
  retry = 2,
  /// It was paused, it was resumed: the store says so already.
  pause = 4,
  resume = 8,
  /// Set the transaction aside that was open when it was asked.
  skip = 16,
};

/// What was asked of a service's owner.
struct service_call {
  service_no service = 0;
  /// Of call_kind, added up.
  std::uint8_t kinds = 0;
  /// Of a skip: the low 32 bits of that transaction's outbound::number.
  std::uint32_t transaction = 0;

  bool asks(call_kind kind) const {
    return (kinds & static_cast<std::uint8_t>(kind)) != 0;
  }
};

} // namespace posthorn
