// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/peer_watch.hpp"

#include <utility>

namespace posthorn {

void cluster_board::replace(cluster_view_ptr now) {
  std::lock_guard guard{mutex_};
  now_ = std::move(now);
  since_ = std::chrono::steady_clock::now();
}

std::vector<node_row> cluster_board::others() const {
  std::lock_guard guard{mutex_};
  std::vector<node_row> result;
  if (!now_)
    return result;
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::steady_clock::now() - since_);
  for (const auto& one : now_->nodes)
    if (one.name != now_->self) {
      result.push_back(one);
      result.back().silent += age;
    }
  return result;
}

cluster_listener::behavior_type peer_watch(peer_watch_self* self,
                                           const census_ptr& all,
                                           const cluster_board_ptr& board,
                                           const links_actor& links) {
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
