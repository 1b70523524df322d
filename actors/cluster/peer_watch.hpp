// SPDX-License-Identifier: Apache-2.0
// Hands what the store tells of the cluster to the links and the admin API.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/typed_event_based_actor.hpp>

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

  /// Names of the other nodes that are alive.
  std::vector<std::string> others() const;

private:
  cluster_view_ptr get() const;

  mutable std::mutex mutex_;
  cluster_view_ptr now_;
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
                                           cluster_board_ptr board,
                                           links_actor links);

} // namespace posthorn
