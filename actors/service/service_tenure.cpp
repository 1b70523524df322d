// SPDX-License-Identifier: Apache-2.0
// A service whose lease comes and goes.
#include "actors/service/service.hpp"

#include <spdlog/spdlog.h>

namespace posthorn {

namespace {

/// How long to wait before the node's session is looked at again.
constexpr std::chrono::milliseconds session_pause{100};

} // namespace

void service_state::take_over(tenure what) {
  const bool gone = what.epoch == 0;
  wiring.who.epoch = what.epoch;
  wiring.until = std::move(what.until);
  draining = false;
  // Other nodes may have been told otherwise since: the store knows.
  paused = false;
  if (gone) {
    // A request that is open finds out for itself.
    if (doing == activity::nothing || doing == activity::pause)
      stand_by();
    return;
  }
  if (doing == activity::pause)
    ++pause_number;
  if (doing == activity::store || doing == activity::service) {
    renewed = true;
    return;
  }
  self->show_state("UP");
  go_on();
}

void service_state::stand_by() {
  if (wiring.who.epoch != 0)
    spdlog::warn("service/{}: lease lost, another node delivers", id());
  wiring.who.epoch = 0;
  wiring.until = nullptr;
  ++pause_number;
  if (is_down) {
    is_down = false;
    self->become(up());
  }
  settle();
}

void service_state::hold_back() {
  if (wiring.who.epoch == 0)
    return stand_by();
  doing = activity::pause;
  self->delayed_send(self, session_pause, attempt_atom::value, ++pause_number);
}

caf::result<bool> service_state::ask_owner() {
  auto promise = self->make_response_promise<bool>();
  self
    ->request(wiring.writer, caf::infinite,
              storage::call{wiring.who.service, call_kind::retry})
    .then(
      [promise](const storage::called& x) mutable { promise.deliver(x.open); },
      [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

caf::typed_response_promise<skip_answer> service_state::ask_owner_to_skip() {
  auto promise = self->make_response_promise<skip_answer>();
  self
    ->request(wiring.writer, caf::infinite,
              storage::call{wiring.who.service, call_kind::skip})
    .then(
      [this, promise](const storage::called& x) mutable {
        if (!x.open)
          promise.deliver(skip_answer::nothing_open);
        else if (x.owned)
          promise.deliver(skip_answer::asked);
        else
          promise.deliver(
            fault(ec::lease_held, "no node delivers to service " + id()
                                    + " at the moment: try again in a second"));
      },
      [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

} // namespace posthorn
