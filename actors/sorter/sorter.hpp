// SPDX-License-Identifier: Apache-2.0
// Decides for whom each item is.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"
#include "actors/sorter/directory.hpp"
#include "actors/sorter/parcels.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <vector>

namespace posthorn {

/// What the sorter is given to work with.
struct sorter_wiring {
  pool_actor pool;
  storage_actor writer;
  directory_ptr services;
  /// Of the lease "sorter".
  posthorn::epoch epoch = 0;
  std::chrono::milliseconds poll_interval{1'000};
  /// Whether an arrival in the pool polls at once; else only the clock does.
  bool wake_on_arrival = false;
};

struct sorter_state;

using sorter_self = counted_actor<sorter_actor, sorter_state>;

/// One page at a time: peek, decide, route in one commit, wake. A full page is
/// followed by another at once. The place in the pool is the store's, not the
/// sorter's: it moves with the routing, or not at all.
struct sorter_state {
  explicit sorter_state(sorter_self* owner) : self{owner} {}

  /// Looks for a page unless one is in hand.
  void poll();
  void sort(const pool_page_ptr& page);
  void sorted(const routed& woken, bool full);
  /// The page stays in the pool; the next poll finds it again.
  void failed(const caf::error& why);
  /// No page is in hand any more.
  void settle();

  /// The routing of a page.
  routing decide(const pool_page& page);
  /// Services that an entry of an addressed feed is for: that one, or none.
  void address(const pool_entry& entry, std::vector<service_no>& to);

  sorter_self* self;
  sorter_wiring wiring;
  bool busy = false;
  /// Something arrived while a page was in hand.
  bool again = false;
  bool draining = false;
  std::vector<caf::typed_response_promise<storage::nothing_more>> drained;

  static constexpr const char* name = "sorter";
};

sorter_actor::behavior_type sorter(sorter_self* self, const census_ptr& all,
                                   sorter_wiring wiring);

} // namespace posthorn
