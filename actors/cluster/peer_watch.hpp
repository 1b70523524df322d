// SPDX-License-Identifier: Apache-2.0
// Hands what the store tells of the cluster to the links and the admin API.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace posthorn {

/// The cluster as the store told of it last, for threads that are no actors.
/// Thread-safe.
class cluster_board {
public:
  void replace(cluster_view_ptr now);

  /// The other nodes that the store knows: those that are alive, and those that
  /// have died, for a day or until the name comes again; who leaves in order is
  /// forgotten at once. `silent` is as of now.
  std::vector<node_row> others() const;

private:
  mutable std::mutex mutex_;
  cluster_view_ptr now_;
  std::chrono::steady_clock::time_point since_;
};

using cluster_board_ptr = std::shared_ptr<cluster_board>;

struct peer_watch_state {
  static constexpr const char* name = "peer_watch";
};

using peer_watch_self = counted_actor<cluster_listener, peer_watch_state>;

/// Writes each view of the cluster on `board`, and tells `links` (may be
/// invalid) which nodes are alive and where they can be reached.
cluster_listener::behavior_type peer_watch(peer_watch_self* self,
                                           const census_ptr& all,
                                           const cluster_board_ptr& board,
                                           const links_actor& links);

} // namespace posthorn
