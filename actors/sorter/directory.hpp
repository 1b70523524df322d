// SPDX-License-Identifier: Apache-2.0
// Which services there are, for the sorter.
#pragma once

#include "actors/protocols.hpp"
#include "actors/sorter/room_interest.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// Which services the parts of transactions that are not events are for. Each
/// question appends numbers to `to`, in any order and as often as it likes.
struct part_interest {
  using question = std::function<caf::error(const std::string& id,
                                            std::vector<service_no>& to)>;

  /// Those that have this user in their namespace or as their bot.
  question users;
  /// Those that want what happens in this room: as for a room's events, but
  /// nobody has sent this.
  question rooms;
  /// Those that want a room which this user is joined to: of those that are
  /// told of such users at all. May be null: nobody knows.
  question sharing;
};

/// A service and who speaks for it.
struct listed_service {
  service_no number = 0;
  std::string id;
  /// Null for a service that was removed from the configuration and still has a
  /// queue: what is addressed to it is kept, nothing is sent.
  service_config_ptr config;
  /// Invalid where no actor on this node delivers to it.
  service_actor actor;
};

/// Immutable once shared.
struct directory {
  std::vector<listed_service> services;
  /// Index into `services` by id and by number.
  std::unordered_map<std::string, std::size_t> by_id;
  std::unordered_map<service_no, std::size_t> by_number;
  /// Decides for which services the events of the catch-all feed are. The
  /// sorter's alone: nobody else asks it.
  std::shared_ptr<room_interest> rooms;
  part_interest parts;
  /// How often a pattern backtracked too much since the services were loaded;
  /// each time it counted as no match. Any thread may ask. May be null.
  std::function<std::uint64_t()> match_limits;

  void add(listed_service what) {
    by_id.emplace(what.id, services.size());
    by_number.emplace(what.number, services.size());
    services.push_back(std::move(what));
  }
};

} // namespace posthorn
