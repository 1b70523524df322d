// SPDX-License-Identifier: Apache-2.0
// What operators order.
#include "actors/service/service.hpp"

namespace posthorn {

caf::result<bool> service_state::retry() {
  if (wiring.who.epoch == 0)
    return ask_owner();
  if (doing == activity::nothing && !is_down)
    take();
  if (doing == activity::pause) {
    ++pause_number;
    go_on();
  } else if (open && !accepted) {
    // An attempt is open, or its failure is being stored.
    retry_asked = true;
  }
  return open != nullptr && !accepted;
}

caf::typed_response_promise<skip_answer> service_state::skip() {
  if (wiring.who.epoch == 0)
    return ask_owner_to_skip();
  auto promise = self->make_response_promise<skip_answer>();
  if (doing == activity::service || doing == activity::store) {
    // Not now: the next one must not be sent beside it.
    skipped = open && !accepted ? open->txn_id : "";
    promise.deliver(skipped.empty() ? skip_answer::nothing_open
                                    : skip_answer::when_refused);
  } else if (accepted) {
    promise.deliver(skip_answer::nothing_open);
  } else {
    // While paused, only the store knows which one is open.
    bury(open ? open->txn_id : "", skip_reason(), promise);
  }
  return promise;
}

caf::result<skip_answer> service_state::skip_only(std::uint32_t which) {
  // What was asked of a node that lost its lease since is lost, as what is
  // asked of one that ends. While paused only the store knows what is open, and
  // nothing can have taken its place: nothing is sent.
  const bool meant
    = open ? static_cast<std::uint32_t>(open->number) == which : paused;
  if (wiring.who.epoch == 0 || !meant)
    return skip_answer::nothing_open;
  return skip();
}

caf::typed_response_promise<storage::nothing_more>
service_state::pause(bool stop) {
  auto promise = self->make_response_promise<storage::nothing_more>();
  self
    ->request(wiring.writer, caf::infinite,
              storage::set_paused{wiring.who.service, stop})
    .then(
      [this, promise, stop](const storage::nothing_more& done) mutable {
        paused = stop;
        if (stop && doing == activity::pause && !accepted)
          settle();
        if (doing == activity::nothing)
          stop ? settle() : take();
        promise.deliver(done);
      },
      [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

caf::typed_response_promise<storage::nothing_more> service_state::drain() {
  auto promise = self->make_response_promise<storage::nothing_more>();
  draining = true;
  drained.push_back(promise);
  if (doing == activity::nothing || doing == activity::pause)
    settle();
  return promise;
}

cut_limits service_state::limits() const {
  const auto& config = *wiring.config;
  cut_limits result;
  result.max_events = config.delivery.max_events;
  result.max_bytes = config.delivery.max_bytes;
  result.stable_ephemeral = config.registration.receive_ephemeral;
  result.unstable_ephemeral = config.registration.push_ephemeral;
  return result;
}

const std::string& service_state::id() const {
  return wiring.config->registration.id;
}

} // namespace posthorn
