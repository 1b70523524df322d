// SPDX-License-Identifier: Apache-2.0
// The actor dump of the whole cluster, as JSON and as lines of the log.
#pragma once

#include "actors/cluster/link_board.hpp"
#include "actors/protocols.hpp"
#include "messages/cluster.hpp"

#include <caf/actor_system.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace posthorn {

/// An actor, or a node, that makes no progress for this long does not answer.
inline constexpr std::chrono::milliseconds answer_patience{2'000};

/// Where a dump comes from.
struct dump_sources {
  std::string node;
  std::string version;
  metrics_actor metrics;
  /// Invalid where the node has no links.
  links_actor links;
  link_board_ptr board;
  /// "ready", or why the node takes no transactions.
  std::function<std::string()> state;
  /// The other nodes that the store knows, those that have died among them.
  std::function<std::vector<node_row>()> others;
  /// When the node began.
  std::chrono::steady_clock::time_point started;
};

/// The dump of this node, and then those of the others. What does not answer in
/// time is in it with its `problem`: nothing is left out. Needs no scheduler
/// worker. Blocks for at most about three seconds.
cluster_dump gather_dump(caf::actor_system& sys, const dump_sources& from);

/// `nodes`, each with its `actors`. `services` are the objects of the service
/// list, of which the actors of services take until when they wait; `totals`
/// adds all up.
nlohmann::json dump_json(const cluster_dump& what, nlohmann::json services);

/// A line for each node, actor and service of such a JSON.
std::vector<std::string> dump_lines(const nlohmann::json& what);

} // namespace posthorn
