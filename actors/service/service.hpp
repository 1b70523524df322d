// SPDX-License-Identifier: Apache-2.0
// Delivers one application service's transactions.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"
#include "actors/service/requests.hpp"
#include "actors/service/verdict.hpp"
#include "actors/tracer/trace_backlog.hpp"

#include <caf/actor_clock.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace posthorn {

/// What a service actor is given to work with.
struct service_wiring {
  /// The lease under which it writes; with epoch 0 it stands by.
  claim who;
  /// Until when it may send under that lease; null: until it is told otherwise.
  std::shared_ptr<const session_deadline> until;
  service_config_ptr config;
  storage_actor writer;
  courier_actor courier;
  /// Is told of what was accepted, as long as its backlog has room; invalid:
  /// nobody is.
  tracer_actor tracer;
  std::shared_ptr<trace_backlog> backlog;
  /// Random numbers in [0, 1), for jitter.
  std::function<double()> spread;
  /// For what is stored and shown; pauses are measured by the actor clock.
  std::function<std::chrono::system_clock::time_point()> wall_clock
    = std::chrono::system_clock::now;
};

struct service_state;

using service_self = counted_actor<service_actor, service_state>;

/// The two behaviours:
///
///              attempt failed, stored
///        ┌──────────────────────────────────┐
///        │                                  ▼
///     ┌──┴─┐                             ┌──────┐ ─┐ attempt failed:
///     │ UP │                             │ DOWN │  │ next pause, doubled
///     └────┘                             └──┬───┘ ◄┘
///        ▲   accepted, and nothing left     │  ◄┐ accepted: failures = 0,
///        └──────────────────────────────────┘ ──┘ the next one at once
///
/// What fails is judged (verdict.hpp): it is tried again after a pause, or
/// given up and cut smaller under a new id, at once, or set aside as a dead
/// letter.
///
/// In either, at most one request is open, to the store or to the service, and
/// `doing` says which. UP and DOWN are not written down: a service is DOWN
/// while the store counts failures for it, so that a restart finds the same.
struct service_state {
  /// What the actor waits for.
  enum class activity { nothing, store, service, pause };

  explicit service_state(service_self* owner) : self{owner} {}

  service_actor::behavior_type up();
  service_actor::behavior_type down();

  /// Sends what the sorter hands over, or asks the store where that may not be
  /// what is open any more.
  void accept(const handed_transaction& x);
  /// Asks the store for the transaction to send.
  void take();
  /// What was known of the last one does not count for the next.
  void begin_anew();
  void taken(outbound_ptr next);
  /// Sends the transaction in hand, to the path that is known to work.
  void attempt();
  void send(path_style style);
  /// An answer came from this path: tries the legacy one, or has it judged.
  void answered(path_style style, const answer& how);
  void attempted(const answer& how);
  /// Tells the store that the transaction in hand was accepted.
  void finish();
  /// Tells the tracer of it, once the store knows.
  void tell_tracer();
  /// The attempt failed, but not for good: tells the store, and then waits, or
  /// asks with a probe whether the service accepts anything.
  void set_back(const answer& how, bool then_probe);
  void note_setback(std::chrono::milliseconds pause, bool then_probe);
  void probe(std::chrono::milliseconds pause);
  void probed(bool alive, std::chrono::milliseconds pause);
  /// Has the id of the transaction in hand given up, and another one cut.
  void recut(recut_reason why);
  /// Has the open transaction set aside, because of `reason`. The promise is
  /// answered when that is stored, if it is one. By value, since the
  /// transaction that they are of is let go.
  void bury(std::string txn_id, std::string reason,
            caf::typed_response_promise<skip_answer> promise = {});
  /// Waits, and attempts again when the pause is over.
  void rest(std::chrono::milliseconds pause);
  /// A pause is over: goes on, unless it was cut short meanwhile.
  void resume(std::uint64_t number);
  /// Goes on where it stopped.
  void go_on();
  /// The store could not do what was asked: tries again in a moment, or ends
  /// when the lease is gone.
  void store_failed(const caf::error& why);
  /// The transaction in hand is not the store's any more (its record was
  /// rotten, it was set aside, or another node finished it while it had the
  /// lease): asks for the one that is.
  void look_again(const caf::error& why);
  /// Nothing to do, or nothing that may be done.
  void settle();

  /// This node has the lease from now on, or not any more. What is open goes
  /// on: its end is told to the store under the lease of that time.
  void take_over(tenure what);
  /// The lease is gone.
  void stand_by();
  /// Too late to send, unless the session is renewed: looks again in a moment.
  void hold_back();
  /// Another node delivers: asks it through the store.
  caf::result<bool> ask_owner();
  caf::typed_response_promise<skip_answer> ask_owner_to_skip();

  caf::result<bool> retry();
  caf::typed_response_promise<skip_answer> skip();
  /// The same, if `which` (service_call::transaction) is still the head.
  caf::result<skip_answer> skip_only(std::uint32_t which);
  caf::typed_response_promise<storage::nothing_more> pause(bool stop);
  caf::typed_response_promise<storage::nothing_more> drain();

  void go_up();
  void go_down();

  /// Why the transaction in hand is set aside where an operator wants it so.
  std::string skip_reason() const;

  cut_limits limits() const;
  const std::string& id() const;

  /// Whether the operator wants the transaction in hand set aside.
  bool skipping() const {
    return open && open->txn_id == skipped;
  }

  bool halted() const {
    return paused || draining || wiring.who.epoch == 0;
  }

  service_self* self;
  census_ptr all;
  service_wiring wiring;
  activity doing = activity::nothing;
  /// The transaction in hand: cut and stored, not yet known as accepted.
  outbound_ptr open;
  /// The number of the newest one that was in hand.
  std::uint64_t newest = 0;
  /// The service has accepted it, and the store does not know yet. It is not
  /// sent again in this life.
  bool accepted = false;
  /// Something came while a request was open.
  bool woken = false;
  /// A retry was asked for while an attempt was open: if it fails, the next one
  /// is made at once instead of after the pause.
  bool retry_asked = false;
  bool is_down = false;
  bool paused = false;
  bool draining = false;
  /// The lease was granted anew while a request was open.
  bool renewed = false;
  /// Failures in a row.
  std::uint32_t failures = 0;
  verdict judge;
  /// How the newest attempt failed: in one line, and as it is stored.
  std::string objection_line;
  setback newest_setback;
  /// Id of the transaction that is to be set aside unless it is accepted.
  std::string skipped;
  /// Until then the legacy path is tried first, since the service had no other.
  caf::actor_clock::time_point legacy_until;
  /// The path of the newest attempt, and what v1 answered to it.
  path_style style = path_style::v1;
  answer v1_answer;
  /// Number of the newest pause; timers of older ones are void.
  std::uint64_t pause_number = 0;
  std::vector<caf::typed_response_promise<storage::nothing_more>> drained;

  static constexpr const char* name = "service";
};

/// Takes up where the store stands: an open transaction is sent at once, or,
/// when it had failed before, when its next attempt is due.
service_actor::behavior_type service(service_self* self, const census_ptr& all,
                                     service_wiring wiring);

} // namespace posthorn
