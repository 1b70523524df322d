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

constexpr std::uint16_t too_many_requests = 429;

/// How long the legacy path is used before the service is asked for v1 again.
constexpr std::chrono::hours legacy_span{1};

constexpr std::uint16_t not_found = 404;

/// Bytes of an answer's body that are shown to the operator.
constexpr std::size_t shown_max = 200;

/// What the service answered, in one line.
std::string line_of(const answer& how) {
  auto result = std::string{to_string(how.what)} + ": " + how.detail;
  if (how.what == outcome::refused && !how.body.empty())
    result += ": " + how.body.substr(0, shown_max);
  for (auto& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
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
    [this](wake_atom, const handed_transaction& x) { accept(x); },
    [this](retry_atom) { return retry(); },
    [this](pause_atom, bool stop) { return pause(stop); },
    [this](skip_atom) { return skip(); },
    [this](skip_atom, std::uint32_t which) { return skip_only(which); },
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
    [this](wake_atom, const handed_transaction&) { woken = true; },
    [this](retry_atom) { return retry(); },
    [this](pause_atom, bool stop) { return pause(stop); },
    [this](skip_atom) { return skip(); },
    [this](skip_atom, std::uint32_t which) { return skip_only(which); },
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

void service_state::accept(const handed_transaction& x) {
  if (doing != activity::nothing) {
    woken = true;
    return;
  }
  // A lease, an order or a quicker question to the store may have come between.
  if (halted() || x.who.epoch != wiring.who.epoch || x.what->number <= newest)
    return take();
  begin_anew();
  taken(x.what);
}

void service_state::begin_anew() {
  woken = false;
  judge.paused();
  renewed = false;
}

void service_state::take() {
  if (halted())
    return settle();
  doing = activity::store;
  begin_anew();
  self
    ->request(wiring.writer, caf::infinite, storage::next{wiring.who, limits()})
    .then([this](outbound_ptr& next) { taken(std::move(next)); },
          [this](const caf::error& why) { store_failed(why); });
}

void service_state::taken(outbound_ptr next) {
  open = std::move(next);
  accepted = false;
  failures = open ? open->failures : 0;
  if (open)
    newest = open->number;
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
  judge.begin(*open);
  if (failures == 0)
    objection_line.clear();
  // A probe may have been accepted before a crash.
  if (open->probing)
    return recut(recut_reason::renewed);
  if (failures == 0)
    return attempt();
  // Failed before this node, or this life of it, took over.
  go_down();
  const auto due = std::chrono::duration_cast<milliseconds>(
    open->next_attempt - wiring.wall_clock());
  // As after a recut: the rest of what failed.
  if (due <= milliseconds{0})
    return attempt();
  rest(std::min(due, backoff(wiring.config->recovery, failures, 0)));
}

void service_state::attempt() {
  if (wiring.until && wiring.until->over())
    return hold_back();
  retry_asked = false;
  v1_answer = {};
  const bool legacy
    = wiring.config->delivery.legacy_path && self->clock().now() < legacy_until;
  send(legacy ? path_style::legacy : path_style::v1);
}

void service_state::send(path_style path) {
  doing = activity::service;
  style = path;
  self
    ->request(wiring.courier, caf::infinite, send_atom::value,
              delivery_of(*wiring.config, open, path, wiring.until))
    .then([this, path](const answer_ptr& how) { answered(path, *how); },
          [this, path](const caf::error& why) {
            answer lost;
            lost.what = outcome::broken;
            lost.detail = "the courier did not answer: " + text_of(why);
            answered(path, lost);
          });
}

void service_state::answered(path_style path, const answer& how) {
  if (how.withheld)
    return hold_back();
  if (path == path_style::v1) {
    if (wiring.config->delivery.legacy_path && suggests_legacy(how)) {
      v1_answer = how;
      return send(path_style::legacy);
    }
    return attempted(how);
  }
  if (how.what == outcome::accepted) {
    if (self->clock().now() >= legacy_until) {
      spdlog::info("service/{}: has no v1 path, /transactions is used", id());
      legacy_until = self->clock().now() + legacy_span;
    }
  } else if (how.status == not_found) {
    // It has no legacy path: what v1 said counts.
    legacy_until = {};
    if (v1_answer.what == outcome::refused) {
      style = path_style::v1;
      return attempted(v1_answer);
    }
  }
  attempted(how);
}

void service_state::attempted(const answer& how) {
  all->sums().attempted(id(), how);
  if (how.what == outcome::accepted) {
    all->sums().delivered(id(), wiring.wall_clock() - open->oldest);
    accepted = true;
    failures = 0;
    judge.accepted();
    return finish();
  }
  objection_line = line_of(how);
  const auto next = judge.hear(how, wiring.config->delivery.poison_attempts);
  if (skipping())
    return bury(open->txn_id, skip_reason());
  switch (next) {
  case ruling::retry:
    return set_back(how, false);
  case ruling::probe:
    return set_back(how, true);
  case ruling::cut_smaller:
    return recut(recut_reason::too_large);
  case ruling::bisect:
    return recut(recut_reason::refused);
  case ruling::renew:
    return recut(recut_reason::renewed);
  case ruling::set_aside:
    return bury(open->txn_id, objection_line);
  }
}

void service_state::finish() {
  doing = activity::store;
  woken = false;
  self
    ->request(wiring.writer, caf::infinite,
              storage::complete{wiring.who, open->txn_id, limits()})
    .then(
      [this](outbound_ptr& next) {
        tell_tracer();
        taken(std::move(next));
      },
      [this](const caf::error& why) { store_failed(why); });
}

void service_state::tell_tracer() {
  if (!wiring.tracer || open->events == 0
      || !wiring.backlog->enter(open->body.size()))
    return;
  self->send(wiring.tracer, accepted_note{id(), open, wiring.wall_clock()});
}

void service_state::set_back(const answer& how, bool then_probe) {
  ++failures;
  auto pause = backoff(wiring.config->recovery, failures, wiring.spread());
  if (how.status == too_many_requests && how.retry_after)
    pause = std::clamp(*how.retry_after, milliseconds{0}, retry_after_max);
  spdlog::log(failures == 1 ? spdlog::level::warn : spdlog::level::debug,
              "service/{}: DOWN, attempt {} at transaction {} failed: {}; next "
              "in {} ms",
              id(), failures, open->txn_id, how.detail, pause.count());
  newest_setback = {};
  newest_setback.txn_id = open->txn_id;
  newest_setback.what = how.what;
  newest_setback.status = how.status;
  newest_setback.detail = how.detail;
  newest_setback.failures = failures;
  newest_setback.refusals = judge.refusals();
  newest_setback.doubts = judge.doubts();
  go_down();
  note_setback(pause, then_probe && !halted());
}

void service_state::note_setback(milliseconds pause, bool then_probe) {
  doing = activity::store;
  auto what = newest_setback;
  what.probing = then_probe;
  what.next_attempt = wiring.wall_clock() + pause;
  // The failure is stored before the pause or probe begins; a store that cannot
  // keep it must not keep the service from being tried again.
  self
    ->request(wiring.writer, caf::infinite,
              storage::fail{wiring.who, std::move(what)})
    .then(
      [this, pause, then_probe](const storage::nothing_more&) {
        then_probe ? probe(pause) : rest(pause);
      },
      [this, pause](const caf::error& why) {
        if (is(why, ec::fenced) || is(why, ec::unknown_transaction))
          return store_failed(why);
        spdlog::error("service/{}: a failure was not stored: {}", id(),
                      text_of(why));
        rest(pause);
      });
}

void service_state::rest(milliseconds pause) {
  if (skipping())
    return bury(open->txn_id, skip_reason());
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
  if (is(why, ec::unknown_transaction))
    return look_again(why);
  spdlog::error("service/{}: {}", id(), text_of(why));
  // Not halted(): what was accepted must reach the store, or it is sent twice.
  doing = activity::pause;
  self->delayed_send(self, store_pause, attempt_atom::value, ++pause_number);
}

void service_state::look_again(const caf::error& why) {
  spdlog::warn("service/{}: {}", id(), text_of(why));
  open = nullptr;
  accepted = false;
  take();
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
