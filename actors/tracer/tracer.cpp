// SPDX-License-Identifier: Apache-2.0
#include "actors/tracer/tracer.hpp"

namespace posthorn {

namespace {

/// Deliveries of one event that an answer has: more than there are services in
/// any deployment that is tested.
constexpr std::size_t found_max = 10'000;

} // namespace

void tracer_state::note(const accepted_note& what) {
  const auto& body = what.what->body;
  auto begun = false;
  const auto read = reader.each_of(body, [&](std::string_view event_id) {
    if (!begun)
      ring.begin(what.service, what.what->txn_id, what.when);
    begun = true;
    ring.add(event_id);
  });
  if (!read)
    ++unread;
  backlog->leave(body.size());
}

delivery_memory tracer_state::find(const std::string& event_id) const {
  delivery_memory result;
  result.found = ring.find(event_id, found_max);
  result.since = ring.reaches_to().value_or(since);
  result.events = ring.events();
  result.capacity = ring.capacity();
  result.passed_over = backlog->dropped() + unread;
  return result;
}

tracer_actor::behavior_type tracer(tracer_self* self, const census_ptr& all,
                                   const tracer_wiring& wiring) {
  auto& state = self->state;
  state.backlog = wiring.backlog;
  state.ring = delivery_ring{wiring.events_max};
  state.since = wiring.wall_clock();
  self->enlist(*all, "tracer");
  return {
    [&state](const accepted_note& what) { state.note(what); },
    [&state](find_atom, const std::string& event_id) {
      return state.find(event_id);
    },
  };
}

} // namespace posthorn
