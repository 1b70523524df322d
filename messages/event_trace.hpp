// SPDX-License-Identifier: Apache-2.0
// Where an event is, or went: what a trace asks and is answered.
#pragma once

#include "messages/dead_letter.hpp"
#include "messages/transaction.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace posthorn {

/// Which event is looked for, and how long at most.
struct trace_query {
  std::string event_id;
  /// The look ends by then, finished or not.
  std::chrono::milliseconds patience{5'000};
  /// Records that may have the event, and places that may be found; at more of
  /// either the look is not complete.
  std::size_t max_places = 10'000;
};

/// The event lies in the pool and is not sorted yet.
struct pooled_event {
  std::uint64_t position = 0;
  /// As batch::feed.
  std::string feed;
  std::chrono::system_clock::time_point received;
};

/// The event waits in a service's queue.
struct queued_event {
  service_no service = 0;
  std::chrono::system_clock::time_point received;
  /// Items of every kind that stand before it in the queue, those of the open
  /// transaction included; counted while looking, and too high by what was
  /// delivered meanwhile.
  std::uint64_t before = 0;
  /// Whether it is in the service's open transaction, whose id that is.
  bool open = false;
  std::string txn_id;
  /// Of the service: failures in a row, and with any the next attempt.
  std::uint32_t failures = 0;
  std::chrono::system_clock::time_point next_attempt;
  bool paused = false;
};

/// Where a store has an event. What was delivered is not in it any more.
struct event_trace {
  std::vector<pooled_event> pool;
  std::vector<queued_event> queues;
  /// Without their JSON.
  std::vector<dead_letter> dead;
  /// Records that were looked at.
  std::uint64_t examined = 0;
  /// Those among them that did not match their checksum.
  std::uint64_t unreadable = 0;
  /// Whether all was looked at. What moves while it is looked for (a dead
  /// letter that is replayed) may be missed all the same.
  bool complete = true;
};

/// A transaction that a service has accepted and the store has taken out.
struct accepted_note {
  std::string service;
  outbound_ptr what;
  std::chrono::system_clock::time_point when;
};

/// An event that was in such a transaction.
struct remembered_delivery {
  std::string service;
  std::string txn_id;
  std::chrono::system_clock::time_point when;
};

/// What this life of this node remembers of an event.
struct delivery_memory {
  /// Oldest first.
  std::vector<remembered_delivery> found;
  /// It reaches back to here.
  std::chrono::system_clock::time_point since;
  /// Deliveries of events that are remembered, and how many can be.
  std::uint64_t events = 0;
  std::uint64_t capacity = 0;
  /// Transactions that were passed over since the start: too many came at once,
  /// or their bytes could not be read.
  std::uint64_t passed_over = 0;
};

} // namespace posthorn
