// SPDX-License-Identifier: Apache-2.0
// `posthorn metrics`: the actor dump of the whole cluster.
#pragma once

#include "apps/posthorn/inspect/admin_client.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace posthorn {

/// Which actors are shown, and how. Empty filters let everything through.
struct metrics_options {
  /// "table", "json" or "prometheus".
  std::string format = "table";
  /// One of metrics_sort_keys().
  std::string sort = "name";
  std::string kind;
  std::string node;
  /// As shown, or "stuck": those that do not answer.
  std::string state;
  /// A pattern of fnmatch(3), e.g. `service/irc*`.
  std::string name;
  /// Of actors, over all nodes; 0: all.
  std::size_t limit = 0;
};

/// What actors can be sorted by: "name" goes by node and name, the others have
/// the largest first.
std::vector<std::string> metrics_sort_keys();

/// Takes out of a dump (the answer of /admin/v1/actors) the actors that are not
/// wanted, and puts the others in order, within their nodes. Nodes that do not
/// answer stay in unless another node is asked for. Totals and services stay as
/// they are: they are the cluster's.
nlohmann::json select_actors(nlohmann::json dump,
                             const metrics_options& options);

/// A dump as tables: nodes, actors, services, totals.
void print_dump(const nlohmann::json& dump, const metrics_options& options,
                std::ostream& out);

/// The figures of a dump by node and kind of actor, as Prometheus text.
void print_figures(const nlohmann::json& dump, std::ostream& out);

/// Asks a node and prints. As prometheus: the node's own /metrics, and after it
/// the figures of all nodes' actors. Returns the exit code.
int run_metrics(const admin_target& target, const metrics_options& options,
                std::ostream& out, std::ostream& err);

} // namespace posthorn
