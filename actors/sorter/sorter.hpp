// SPDX-License-Identifier: Apache-2.0
// Decides for whom each item is.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"
#include "actors/sorter/directory.hpp"
#include "actors/sorter/parcels.hpp"
#include "actors/sorter/part_sorting.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace posthorn {

/// What the sorter is given to work with.
struct sorter_wiring {
  pool_actor pool;
  storage_actor writer;
  directory_ptr services;
  /// Of the lease "sorter"; it sorts while it holds.
  tenure lease;
  std::chrono::milliseconds poll_interval{1'000};
  /// Whether an arrival in the pool polls at once; else only the clock does.
  bool wake_on_arrival = false;
};

struct sorter_state;

using sorter_self = counted_actor<sorter_actor, sorter_state>;

/// How long after a page that was not full, of so many items for so many
/// services, the next one is looked for at the earliest. A page an arrival
/// would cut transactions of a few events where many services share a feed; a
/// distance in proportion to what a page costs spends half of the time on
/// requests at most, costs a lone event nothing, a busy feed 10 ms, and 50 ms
/// one that reaches hundreds of services with a few events each.
std::chrono::microseconds gathering_time(std::size_t items,
                                         std::size_t services);

/// One page at a time: peek, decide, route in one commit, wake. A full page is
/// followed by another at once. The place in the pool is the store's, not the
/// sorter's: it moves with the routing, or not at all. So does what it knows
/// about rooms. It reads the store when it decides: spawn it detached.
struct sorter_state {
  explicit sorter_state(sorter_self* owner) : self{owner} {}

  /// Looks for a page unless one is in hand.
  void poll();
  void sort(const pool_page_ptr& page);
  void sorted(const routed& woken, const pool_page& page);
  /// Lets arrivals gather from the time of the last poll on.
  void gather(std::chrono::microseconds how_long);
  /// The page stays in the pool; the next poll finds it again. What it said
  /// about rooms is as if it had not been read.
  void failed(const caf::error& why);
  /// No page is in hand any more.
  void settle();
  /// Stores the oldest of `lessons`, as if it were a page.
  void learn();

  /// The routing of a page. Errors: those of the store, which is asked about
  /// rooms.
  caf::expected<routing> decide(const pool_page& page);
  caf::error decide(const pool_entry& entry, parcel_builder& parcels,
                    std::set<service_no>& addressed, part_sorting& parts);
  caf::error decide_parts(const pool_entry& entry, part_sorting& parts);
  /// Services that an entry of an addressed feed is for: that one, or none.
  void address(const pool_entry& entry, std::vector<service_no>& to);

  sorter_self* self;
  sorter_wiring wiring;
  /// Is told which services got something; may be invalid.
  elsewhere_listener elsewhere;
  /// For the subjects of items: drawn anew at each start.
  std::uint64_t seed = 0;
  bool busy = false;
  /// Who decided the page in hand; the services may be replaced meanwhile.
  std::shared_ptr<room_interest> deciding;
  /// What is to be learned about rooms once no page is in hand, and for whom.
  std::deque<
    std::pair<room_changes_ptr, caf::typed_response_promise<storage::learned>>>
    lessons;
  /// Whether the last thing that was done was a lesson, not a page.
  bool learned = false;
  /// Something arrived while a page was in hand, or while more was let gather.
  bool again = false;
  /// Arrivals do not poll yet.
  bool gathering = false;
  /// When the page in hand was asked for, by the actor clock.
  caf::actor_clock::time_point polled;
  bool draining = false;
  /// The lease was granted, and perhaps held by another meanwhile: what is
  /// known of rooms may be old.
  bool fresh = false;
  std::vector<caf::typed_response_promise<storage::nothing_more>> drained;

  static constexpr const char* name = "sorter";
};

sorter_actor::behavior_type sorter(sorter_self* self, const census_ptr& all,
                                   sorter_wiring wiring);

} // namespace posthorn
