// SPDX-License-Identifier: Apache-2.0
// Everything that posthorn.yaml says about a node.
#pragma once

#include "apps/posthorn/config/address.hpp"
#include "messages/registration.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace posthorn {

/// Files for mutual TLS between nodes, as paths that can be opened.
struct cluster_tls {
  std::string certificate;
  std::string key;
  /// The cluster's own certificate authority.
  std::string ca;
};

/// Links to the other nodes. TLS is always there when `listen` is not local.
struct cluster_settings {
  /// Always tcp.
  listen_address listen;
  /// What the other nodes connect to, always tcp; equal to `listen` unless
  /// given.
  listen_address advertise;
  std::optional<cluster_tls> tls;
  /// Other nodes' addresses, for those that the store does not tell of; tcp.
  std::vector<listen_address> peers;
};

/// How the pool is polled.
struct sorter_settings {
  std::chrono::milliseconds poll_interval{1'000};
  /// Whether an event that arrives has the pool polled at once.
  bool wake_on_arrival = false;
};

/// Bounds, in bytes.
struct limit_settings {
  /// Largest body of one feed request; half of `max_store` where that is less
  /// and nothing was given.
  std::uint64_t max_request = std::uint64_t{16} << 20;
  /// Size at which the store takes no new events.
  std::uint64_t max_store = std::uint64_t{16} << 30;
};

/// posthorn.yaml, checked, with defaults filled in and flags applied.
struct node_config {
  std::string file;
  std::string server_name;
  /// Unique in the cluster; the host's name unless given.
  std::string name;
  listen_address listen{address_kind::tcp, "127.0.0.1", 9009, {}, -1};
  listen_address admin{address_kind::tcp, "127.0.0.1", 9010, {}, -1};
  /// Empty where none is configured, which is only so when `admin` is local.
  std::string admin_token;
  /// Directory of the LMDB environment, as a path that can be opened.
  std::string store_path;
  /// How long after its last heartbeat a node counts as dead.
  std::chrono::milliseconds lease_ttl{10'000};
  /// None: the node has no links to others.
  std::optional<cluster_settings> cluster;
  sorter_settings sorter;
  /// For services that have none of their own.
  recovery_settings recovery;
  delivery_settings delivery;
  limit_settings limits;
};

} // namespace posthorn
