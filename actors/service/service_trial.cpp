// SPDX-License-Identifier: Apache-2.0
// What happens to a transaction that is not simply tried again.
#include "actors/service/service.hpp"

#include <spdlog/spdlog.h>

#include <limits>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

} // namespace

void service_state::probe(milliseconds pause) {
  if (halted() || skipping())
    return note_setback(pause, false);
  doing = activity::service;
  self
    ->request(wiring.courier, caf::infinite, send_atom::value,
              probe_of(*wiring.config, *open, failures, style, wiring.until))
    .then(
      [this, pause](const answer_ptr& how) {
        probed(how->what == outcome::accepted, pause);
      },
      [this, pause](const caf::error&) { probed(false, pause); });
}

void service_state::probed(bool alive, milliseconds pause) {
  const auto next
    = judge.hear_probe(alive, wiring.config->delivery.poison_attempts);
  if (skipping())
    return bury(open->txn_id, skip_reason());
  switch (next) {
  case ruling::bisect:
    return recut(recut_reason::refused);
  case ruling::renew:
    return recut(recut_reason::renewed);
  case ruling::set_aside:
    return bury(open->txn_id, objection_line
                                + "; it accepted others just before and an "
                                  "empty transaction just after");
  default:
    // No probe is open any more; then the pause.
    note_setback(pause, false);
  }
}

void service_state::recut(recut_reason why) {
  spdlog::info("service/{}: transaction {} of {} items is given up ({})", id(),
               open->txn_id, open->items,
               why == recut_reason::renewed
                 ? "a probe may have been accepted before a stop"
                 : objection_line);
  doing = activity::store;
  woken = false;
  const auto given_up = std::exchange(open, nullptr);
  self
    ->request(wiring.writer, caf::infinite,
              storage::recut{wiring.who, given_up->txn_id, limits(), why})
    .then([this](outbound_ptr& next) { taken(std::move(next)); },
          // The store says what is open when it can.
          [this](const caf::error& why_not) { store_failed(why_not); });
}

std::string service_state::skip_reason() const {
  return objection_line.empty() ? "skipped" : "skipped; " + objection_line;
}

void service_state::bury(std::string txn_id, std::string reason,
                         caf::typed_response_promise<skip_answer> promise) {
  // The timer of a pause is void.
  ++pause_number;
  doing = activity::store;
  woken = false;
  storage::set_aside what{wiring.who, txn_id, limits(), reason};
  // Which one it is, if it was not in hand, may still be on its way here.
  if (!open)
    newest = std::numeric_limits<std::uint64_t>::max();
  open = nullptr;
  skipped.clear();
  self->request(wiring.writer, caf::infinite, std::move(what))
    .then(
      [this, promise, txn_id, reason](outbound_ptr& next) mutable {
        spdlog::warn("service/{}: transaction {} is set aside: {}", id(),
                     txn_id.empty() ? "in hand" : txn_id, reason);
        if (promise.pending())
          promise.deliver(skip_answer::done);
        taken(std::move(next));
      },
      [this, promise](const caf::error& why) mutable {
        if (is(why, ec::unknown_transaction)) {
          if (promise.pending())
            promise.deliver(skip_answer::nothing_open);
          return take();
        }
        if (promise.pending())
          promise.deliver(why);
        store_failed(why);
      });
}

} // namespace posthorn
