// SPDX-License-Identifier: Apache-2.0
// What happens to a transaction that is not simply tried again.
#include "actors/service/service.hpp"

#include <spdlog/spdlog.h>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds courier_grace{30'000};

} // namespace

void service_state::probe(milliseconds pause) {
  if (halted() || skipping())
    return rest(pause);
  doing = activity::service;
  const auto& delivery = wiring.config->delivery;
  const auto longest
    = delivery.connect_timeout + delivery.timeout + courier_grace;
  const bool legacy
    = delivery.legacy_path && self->clock().now() < legacy_until;
  const auto style = legacy ? path_style::legacy : path_style::v1;
  self
    ->request(wiring.courier, caf::duration{longest}, send_atom::value,
              probe_of(*wiring.config, *open, failures, style))
    .then([this, pause](const answer_ptr& how) { probed(*how, pause); },
          [this, pause](const caf::error&) { probed(answer{}, pause); });
}

void service_state::probed(const answer& how, milliseconds pause) {
  const auto next = judge.hear_probe(how.what == outcome::accepted,
                                     wiring.config->delivery.poison_attempts);
  if (halted() || skipping() || next == ruling::retry)
    return rest(pause);
  if (next == ruling::bisect)
    return recut(recut_reason::refused);
  bury(open->txn_id,
       objection_line + "; it accepted an empty transaction before and after");
}

void service_state::recut(recut_reason why) {
  spdlog::info("service/{}: transaction {} of {} items is given up and cut "
               "smaller: {}",
               id(), open->txn_id, open->items, objection_line);
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

void service_state::bury(const std::string& txn_id, std::string reason,
                         caf::typed_response_promise<skip_answer> promise) {
  spdlog::warn("service/{}: transaction {} is set aside: {}", id(),
               txn_id.empty() ? "in hand" : txn_id, reason);
  // The timer of a pause is void.
  ++pause_number;
  doing = activity::store;
  woken = false;
  storage::set_aside what{wiring.who, txn_id, limits(), std::move(reason)};
  open = nullptr;
  skipped.clear();
  self->request(wiring.writer, caf::infinite, std::move(what))
    .then(
      [this, promise](outbound_ptr& next) mutable {
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
