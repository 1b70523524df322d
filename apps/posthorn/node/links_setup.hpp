// SPDX-License-Identifier: Apache-2.0
// Brings up what links this node to the others.
#pragma once

#include "actors/cluster/gate.hpp"
#include "actors/cluster/link_board.hpp"
#include "actors/protocols.hpp"
#include "apps/posthorn/config/node_config.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/expected.hpp>

#include <memory>

namespace posthorn {

/// The gate, open on `cluster.listen`, and the links. Ends its actors when
/// destroyed; the actor system must outlive it.
class node_links {
public:
  /// Loads CAF's network modules, with TLS where the configuration has it, and
  /// sets their deadlines. Before the actor system is made; changes nothing
  /// where the node has no links.
  static void prepare(caf::actor_system_config& config,
                      const node_config& node);

  /// Listens and begins to link. Null where the node has no links. Errors:
  /// bad_address (the address cannot be listened on).
  static caf::expected<std::unique_ptr<node_links>>
  start(caf::actor_system& sys, const census_ptr& all, const node_config& node,
        gate_wiring answers);

  node_links(const node_links&) = delete;
  node_links& operator=(const node_links&) = delete;
  ~node_links();

  const links_actor& actor() const {
    return links_;
  }

  const link_board_ptr& board() const {
    return board_;
  }

private:
  node_links() = default;

  void spawn_links(caf::actor_system& sys, const census_ptr& all,
                   const cluster_settings& cluster, const peer& own,
                   const std::string& version);

  link_board_ptr board_ = std::make_shared<link_board>();
  gate_actor gate_;
  links_actor links_;
};

} // namespace posthorn
