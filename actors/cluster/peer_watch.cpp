// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/peer_watch.hpp"

#include <utility>

namespace posthorn {

void cluster_board::replace(cluster_view_ptr now) {
  std::lock_guard guard{mutex_};
  now_ = std::move(now);
}

cluster_view_ptr cluster_board::get() const {
  std::lock_guard guard{mutex_};
  return now_;
}

std::vector<std::string> cluster_board::others() const {
  std::vector<std::string> result;
  if (const auto now = get())
    for (const auto& one : now->nodes)
      if (one.alive && one.name != now->self)
        result.push_back(one.name);
  return result;
}

cluster_listener::behavior_type peer_watch(peer_watch_self* self,
                                           const census_ptr& all,
                                           cluster_board_ptr board,
                                           links_actor links) {
  self->enlist(*all, "peer_watch");
  return {
    [self, board, links](const cluster_view_ptr& now) {
      board->replace(now);
      if (!links)
        return;
      auto peers = std::make_shared<std::vector<peer>>();
      for (const auto& one : now->nodes)
        if (one.alive && one.name != now->self && !one.address.empty())
          peers->push_back({one.name, one.address});
      self->send(links, peer_list_ptr{std::move(peers)});
    },
  };
}

} // namespace posthorn
