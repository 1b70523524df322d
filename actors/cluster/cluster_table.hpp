// SPDX-License-Identifier: Apache-2.0
// Who should have what: a pure function of what the store says.
#pragma once

#include "messages/cluster.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace posthorn {

inline constexpr const char* sorter_lease = "sorter";

/// The lease on a service.
std::string lease_name(const std::string& service_id);

/// Digest of the ids of services that a node can deliver to, in any order.
std::uint64_t services_digest(std::vector<std::string> ids);

/// What one node knows when it decides.
struct cluster_situation {
  std::string self;
  /// Whether this node is leaving.
  bool leaving = false;
  /// As in its heartbeats.
  std::uint64_t services_digest = 0;
  /// Names of the leases on the services that it can deliver to, ascending.
  std::vector<std::string> wanted;
  /// Of all nodes.
  std::vector<node_row> nodes;
  /// Names of leases that somebody holds, or that this node is giving back:
  /// those that cannot be taken.
  std::vector<std::string> taken;
  /// Names of the leases on services that this node holds and is not giving
  /// back, ascending.
  std::vector<std::string> own;
  bool sorter_taken = false;
};

/// What it should do.
struct cluster_plan {
  std::vector<std::string> take;
  std::vector<std::string> give;
  bool take_sorter = false;

  bool empty() const {
    return take.empty() && give.empty() && !take_sorter;
  }
};

/// Each of N live nodes should have floor(S/N) of S services, and the first S
/// mod N of them, by name, one more. A node takes free ones up to its share,
/// beginning with a stretch of its own, so that nodes that start together do
/// not reach for the same; and gives up what is above it.
///
/// While the nodes' lists of services differ, as during a reload of one after
/// the other, nobody can know another's share: then what is free is taken by
/// whoever can deliver to it, and nothing is given up.
cluster_plan plan_of(const cluster_situation& now);

} // namespace posthorn
