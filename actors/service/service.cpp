// SPDX-License-Identifier: Apache-2.0
#include "actors/service/service.hpp"

#include "actors/metrics/figures.hpp"
#include "actors/service/backoff.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

/// How long to wait before a store that failed is asked again.
constexpr milliseconds store_pause{1'000};

/// The longest `Retry-After` that is believed.
constexpr milliseconds retry_after_max{3'600'000};

/// What the courier may take beyond its own deadlines before it counts as dead.
constexpr milliseconds courier_grace{30'000};

constexpr std::uint16_t too_many_requests = 429;

exchange_ptr to_exchange(const service_config& config, const outbound_ptr& what,
                         std::shared_ptr<const session_deadline> until) {
  auto result = std::make_shared<exchange>();
  result->method = "PUT";
  result->base = config.registration.url.value_or("");
  result->target = "/_matrix/app/v1/transactions/" + what->txn_id;
  result->bearer = config.registration.hs_token;
  // Shares the transaction's bytes and keeps them alive.
  result->body = std::shared_ptr<const std::string>{what, &what->body};
  result->connect_timeout = config.delivery.connect_timeout;
  result->timeout = config.delivery.timeout;
  result->until = std::move(until);
  return result;
}

} // namespace

// -- the two behaviours -------------------------------------------------------

service_actor::behavior_type service_state::up() {
  return {
    [this](wake_atom) {
      if (doing == activity::nothing)
        take();
      else
        woken = true;
    },
    [this](retry_atom) { return retry(); },
    [this](pause_atom, bool stop) { return pause(stop); },
    [this](service_config_ptr& config) { wiring.config = std::move(config); },
    [this](tenure& x) { take_over(std::move(x)); },
    [this](drain_atom) { return drain(); },
    [this](attempt_atom, std::uint64_t number) { resume(number); },
  };
}

service_actor::behavior_type service_state::down() {
  return {
    // What is new waits behind what failed.
    [this](wake_atom) { woken = true; },
    [this](retry_atom) { return retry(); },
    [this](pause_atom, bool stop) { return pause(stop); },
    [this](service_config_ptr& config) { wiring.config = std::move(config); },
    [this](tenure& x) { take_over(std::move(x)); },
    [this](drain_atom) { return drain(); },
    [this](attempt_atom, std::uint64_t number) { resume(number); },
  };
}

void service_state::go_up() {
  self->show_state("UP");
  if (!is_down)
    return;
  is_down = false;
  spdlog::info("service/{}: UP", id());
  self->become(up());
}

void service_state::go_down() {
  self->show_state("DOWN");
  if (is_down)
    return;
  is_down = true;
  self->become(down());
}

// -- one transaction's way ----------------------------------------------------

void service_state::take() {
  if (halted())
    return settle();
  doing = activity::store;
  woken = false;
  renewed = false;
  self
    ->request(wiring.writer, caf::infinite, storage::next{wiring.who, limits()})
    .then([this](outbound_ptr& next) { taken(std::move(next)); },
          [this](const caf::error& why) { store_failed(why); });
}

void service_state::taken(outbound_ptr next) {
  open = std::move(next);
  accepted = false;
  failures = open ? open->failures : 0;
  if (open && halted())
    return settle();
  if (!open) {
    // Something may have been routed after the store had looked: look again,
    // or it would lie there until the next event comes.
    if (woken)
      return take();
    go_up();
    return settle();
  }
  if (failures == 0)
    return attempt();
  // Failed before this node, or this life of it, took over.
  go_down();
  const auto due = open->next_attempt - wiring.wall_clock();
  const auto longest = backoff(wiring.config->recovery, failures, 0);
  rest(std::clamp(std::chrono::duration_cast<milliseconds>(due),
                  milliseconds{0}, longest));
}

void service_state::attempt() {
  if (wiring.until && wiring.until->over())
    return hold_back();
  doing = activity::service;
  retry_asked = false;
  const auto& delivery = wiring.config->delivery;
  const auto longest
    = delivery.connect_timeout + delivery.timeout + courier_grace;
  self
    ->request(wiring.courier, caf::duration{longest}, send_atom::value,
              to_exchange(*wiring.config, open, wiring.until))
    .then([this](const answer_ptr& how) { attempted(*how); },
          [this](const caf::error& why) {
            answer lost;
            lost.what = outcome::broken;
            lost.detail = "the courier did not answer: " + text_of(why);
            attempted(lost);
          });
}

void service_state::attempted(const answer& how) {
  if (how.withheld)
    return hold_back();
  all->sums().attempted(id(), how);
  if (how.what == outcome::accepted) {
    all->sums().delivered(id(), wiring.wall_clock() - open->oldest);
    accepted = true;
    failures = 0;
    return finish();
  }
  set_back(how);
}

void service_state::finish() {
  doing = activity::store;
  woken = false;
  self
    ->request(wiring.writer, caf::infinite,
              storage::complete{wiring.who, open->txn_id, limits()})
    .then([this](outbound_ptr& next) { taken(std::move(next)); },
          [this](const caf::error& why) { store_failed(why); });
}

void service_state::set_back(const answer& how) {
  ++failures;
  auto pause = backoff(wiring.config->recovery, failures, wiring.spread());
  if (how.status == too_many_requests && how.retry_after)
    pause = std::clamp(*how.retry_after, milliseconds{0}, retry_after_max);
  spdlog::log(failures == 1 ? spdlog::level::warn : spdlog::level::debug,
              "service/{}: DOWN, attempt {} at transaction {} failed: {}; next "
              "in {} ms",
              id(), failures, open->txn_id, how.detail, pause.count());
  setback what;
  what.txn_id = open->txn_id;
  what.what = how.what;
  what.status = how.status;
  what.detail = how.detail;
  what.failures = failures;
  what.next_attempt = wiring.wall_clock() + pause;
  doing = activity::store;
  go_down();
  // The failure is stored before the pause begins; a store that cannot keep it
  // must not keep the service from being tried again.
  self
    ->request(wiring.writer, caf::infinite,
              storage::fail{wiring.who, std::move(what)})
    .then([this, pause](const storage::nothing_more&) { rest(pause); },
          [this, pause](const caf::error& why) {
            if (is(why, ec::fenced) || is(why, ec::unknown_transaction))
              return store_failed(why);
            spdlog::error("service/{}: a failure was not stored: {}", id(),
                          text_of(why));
            rest(pause);
          });
}

void service_state::rest(milliseconds pause) {
  if (halted())
    return settle();
  // Whoever asked for a retry knew something that this attempt did not: it may
  // have begun before the service was ready.
  if (retry_asked)
    return go_on();
  doing = activity::pause;
  self->delayed_send(self, pause, attempt_atom::value, ++pause_number);
}

void service_state::resume(std::uint64_t number) {
  if (doing == activity::pause && number == pause_number)
    go_on();
}

void service_state::go_on() {
  if (accepted)
    return finish();
  if (open)
    return attempt();
  take();
}

void service_state::store_failed(const caf::error& why) {
  if (is(why, ec::fenced))
    return std::exchange(renewed, false) ? go_on() : stand_by();
  if (is(why, ec::unknown_transaction)) {
    // Another node finished it while it had the lease.
    open = nullptr;
    accepted = false;
    return take();
  }
  spdlog::error("service/{}: {}", id(), text_of(why));
  // Not halted(): what was accepted must reach the store, or it is sent twice.
  doing = activity::pause;
  self->delayed_send(self, store_pause, attempt_atom::value, ++pause_number);
}

void service_state::settle() {
  doing = activity::nothing;
  retry_asked = false;
  if (!accepted)
    open = nullptr;
  if (wiring.who.epoch == 0)
    self->show_state("STANDBY");
  else if (paused)
    self->show_state("PAUSED");
  for (auto& promise : drained)
    promise.deliver(storage::nothing_more{});
  drained.clear();
}

// -- from outside -------------------------------------------------------------

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

service_actor::behavior_type service(service_self* self, const census_ptr& all,
                                     service_wiring wiring) {
  auto& state = self->state;
  state.all = all;
  state.wiring = std::move(wiring);
  self->enlist(*all, "service/" + state.id());
  self->show_state(state.wiring.who.epoch == 0 ? "STANDBY" : "UP");
  if (state.wiring.who.epoch != 0)
    self->send(self, wake_atom::value);
  return state.up();
}

} // namespace posthorn
