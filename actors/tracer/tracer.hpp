// SPDX-License-Identifier: Apache-2.0
// The actor that remembers what was delivered, for `posthorn trace`.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"
#include "actors/tracer/delivery_ring.hpp"
#include "actors/tracer/trace_backlog.hpp"
#include "storage/event_id.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace posthorn {

/// Deliveries of events that a node remembers: 4 MiB of them, and at most about
/// 30 MiB where every transaction has one event.
inline constexpr std::size_t remembered_events_max = 262'144;

/// What the tracer is given to work with.
struct tracer_wiring {
  /// Who tells it enters here first.
  std::shared_ptr<trace_backlog> backlog;
  std::size_t events_max = remembered_events_max;
  std::function<std::chrono::system_clock::time_point()> wall_clock
    = std::chrono::system_clock::now;
};

struct tracer_state;

using tracer_self = counted_actor<tracer_actor, tracer_state>;

struct tracer_state {
  explicit tracer_state(tracer_self*) {}

  void note(const accepted_note& what);
  delivery_memory find(const std::string& event_id) const;

  std::shared_ptr<trace_backlog> backlog;
  delivery_ring ring{1};
  storage::event_id_reader reader;
  std::chrono::system_clock::time_point since;
  std::uint64_t unread = 0;

  static constexpr const char* name = "tracer";
};

/// Spawn it detached: it reads every event that is delivered, which no service
/// should wait for.
tracer_actor::behavior_type tracer(tracer_self* self, const census_ptr& all,
                                   const tracer_wiring& wiring);

} // namespace posthorn
