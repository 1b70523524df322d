// SPDX-License-Identifier: Apache-2.0
// The node's figures as Prometheus text.
#pragma once

#include "actors/cluster/link_board.hpp"
#include "actors/listener/listener_limits.hpp"
#include "actors/metrics/census.hpp"
#include "storage/store.hpp"

#include <prometheus/metric_family.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace posthorn {

/// Everything that is shown, as it is at one moment.
struct exposed_figures {
  std::string node;
  std::string version;
  bool ready = false;
  std::vector<service_row> services;
  storage::store_stat store;
  std::vector<actor_snapshot> actors;
  /// Of figures.
  std::vector<prometheus::MetricFamily> counted;
  /// The links to other nodes.
  std::vector<link_standing> peers;
  /// The other nodes that the store knows.
  std::vector<node_row> others;
  /// "feed" and "admin".
  std::vector<std::pair<std::string, const listener_counters*>> listeners;
  /// Queries open now, and places refused since the start.
  std::uint64_t queries_open = 0;
  std::uint64_t queries_refused = 0;
  /// How often a pattern was given up on; begins anew at a reload.
  std::uint64_t match_limits = 0;
  /// When the configuration was last taken, at the start or by a reload.
  std::chrono::system_clock::time_point configured;
  std::chrono::system_clock::time_point now;
};

/// Writes the text exposition format 0.0.4. Names and labels are part of the
/// interface: docs/operations.md lists them. Labels are bounded by the
/// configuration: services, kinds of actors, listeners, reasons. Thread-safe.
class exposition {
public:
  /// The content type that goes with text().
  static constexpr const char* content_type
    = "text/plain; version=0.0.4; charset=utf-8";

  std::string text(const exposed_figures& what);

private:
  /// A sum over living actors falls when one ends; a counter must not. What the
  /// ended ones had counted is added from then on.
  double never_falling(const std::string& name, double sum);

  struct mark {
    double shown = 0;
    double missing = 0;
  };

  std::mutex mutex_;
  /// By metric and kind.
  std::map<std::string, mark> marks_;
};

} // namespace posthorn
