// SPDX-License-Identifier: Apache-2.0
// What the links between nodes carry, as this node's own actors see it.
#pragma once

#include "actors/metrics/census.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace posthorn {

/// Another node.
struct peer {
  /// Its name; empty where only the address is known, from `cluster.peers`.
  std::string name;
  /// Where it listens for other nodes: host:port or [v6]:port.
  std::string address;

  bool operator==(const peer&) const = default;
};

/// All other nodes that there are now; replaced whole, never changed. May hold
/// the node itself, which is left out.
using peer_list_ptr = std::shared_ptr<const std::vector<peer>>;

/// Ids of services that got something to deliver.
using service_ids_ptr = std::shared_ptr<const std::vector<std::string>>;

/// What an operator wants of a service, wherever it is delivered.
struct order {
  /// On the wire, do not renumber. A node that does not know one says so.
  enum class verb : std::uint8_t { retry = 1, pause = 2, resume = 3, skip = 4 };

  std::string service;
  verb what = verb::retry;
};

/// What became of an order at another node.
struct order_outcome {
  /// A node delivers to that service. Without it, `problem` names the nodes
  /// that could not be asked, if any.
  bool found = false;
  /// The name of that node.
  std::string node;
  /// Of a retry: whether there was something to attempt. Of a skip: whether
  /// there was a transaction to set aside.
  bool attempted = false;
  /// Of a skip: it is being sent, and set aside if that fails.
  bool when_refused = false;
  /// Why it was not done, in an operator's words; empty when it was.
  std::string problem;
};

/// A node and its actors as they were at one moment.
struct node_dump {
  std::string name;
  /// Empty for the node that was asked.
  std::string address;
  std::string version;
  /// "ready", or why it takes no transactions, such as "draining".
  std::string state;
  /// Why nothing else is known, such as "no answer in 2 s"; empty when it
  /// answered.
  std::string problem;
  std::chrono::milliseconds uptime{0};
  std::vector<actor_snapshot> actors;
  /// Actors that are not in the list because it would have been too long.
  std::uint64_t left_out = 0;
};

using node_dump_ptr = std::shared_ptr<const node_dump>;

/// One for each peer, by address.
using cluster_dump = std::vector<node_dump_ptr>;

} // namespace posthorn
