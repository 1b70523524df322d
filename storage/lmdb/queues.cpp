// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/queues.hpp"

#include "storage/lmdb/cutting.hpp"
#include "storage/lmdb/dead_letters.hpp"
#include "storage/lmdb/services.hpp"

namespace posthorn::storage::lmdb {

namespace {

/// About what a body has around its items.
constexpr std::uint64_t frame_bytes = 64;

/// The open transaction, or one cut now; stores the service where it changed.
outbound_ptr next_of(commit_scope& scope, open_queue& queue,
                     const cut_limits& limits) {
  outbound_ptr result;
  // Each turn without a result has taken a rotten record out of the queue.
  while (queue.state.paused == 0 && scope.txn.failure() == 0) {
    if (queue.state.open == 0)
      cut(scope, queue, limits);
    if (queue.state.open == 0)
      break;
    result = render_open(scope, queue);
    if (result)
      break;
  }
  auto& state = queue.state;
  if (state.open == 0 && state.head.sequence >= state.tail
      && (state.failures != 0 || state.trial.active())) {
    // Nothing is left that has failed.
    state.failures = 0;
    state.trial = {};
    queue.changed = true;
  }
  if (queue.changed)
    put_service(scope.txn, queue.service, std::move(queue.state));
  return result;
}

/// The service and its open transaction, which must be the one named.
caf::expected<service_state> find_open(commit_scope& scope, claim who,
                                       const std::string& txn_id) {
  auto state = find_claimed(scope, who);
  if (!state)
    return state;
  if (state->open != 0 && transaction_id(*state) == txn_id)
    return state;
  return fault(
    ec::unknown_transaction,
    "service " + state->id + ": " + txn_id + " is not the open transaction; "
      + (state->open != 0 ? transaction_id(*state) + " is" : "none is open"));
}

/// The items of the open transaction leave the queue.
void close_open(commit_scope& scope, open_queue& queue) {
  auto& state = queue.state;
  consume(scope, queue, state.end, state.open_bytes);
  state.open = 0;
  state.pending_items -= std::min(state.open_items, state.pending_items);
  state.pending_bytes -= std::min(state.open_bytes, state.pending_bytes);
}

std::string error_line(const setback& what) {
  std::string line = to_string(what.what);
  if (what.status != 0)
    line += " " + std::to_string(what.status);
  if (!what.detail.empty())
    line += ": " + what.detail;
  shorten_line(line);
  return line;
}

} // namespace

caf::expected<reply> apply(commit_scope& scope, const next& what) {
  auto state = find_claimed(scope, what.who);
  if (!state)
    return state.error();
  open_queue queue{what.who.service, std::move(*state)};
  return next_of(scope, queue, what.limits);
}

caf::expected<reply> apply(commit_scope& scope, const complete& what) {
  auto found = find_open(scope, what.who, what.txn_id);
  if (!found)
    return found.error();
  open_queue queue{what.who.service, std::move(*found)};
  auto& state = queue.state;
  close_open(scope, queue);
  state.trial.accept(state.open_items);
  state.delivered_items += state.open_items;
  ++state.delivered_transactions;
  state.failures = 0;
  state.next_attempt = 0;
  state.last_success = scope.now();
  return next_of(scope, queue, what.limits);
}

caf::expected<reply> apply(commit_scope& scope, const fail& what) {
  auto found = find_open(scope, what.who, what.what.txn_id);
  if (!found)
    return found.error();
  open_queue queue{what.who.service, std::move(*found)};
  auto& state = queue.state;
  state.failures = what.what.failures;
  state.refusals = what.what.refusals;
  state.doubts = what.what.doubts;
  state.probing = what.what.probing ? 1 : 0;
  state.next_attempt = micros_of(what.what.next_attempt);
  state.last_failure = scope.now();
  state.last_error = error_line(what.what);
  // It may be long until the next one is accepted.
  sweep(scope, queue);
  put_service(scope.txn, what.who.service, std::move(state));
  return nothing_more{};
}

caf::expected<reply> apply(commit_scope& scope, const recut& what) {
  auto found = find_open(scope, what.who, what.txn_id);
  if (!found)
    return found.error();
  open_queue queue{what.who.service, std::move(*found)};
  auto& state = queue.state;
  // Its body: the items, a comma each, and the keys around them.
  auto body_bytes = state.open_bytes + state.open_items + frame_bytes;
  if (what.why != recut_reason::renewed && !state.trial.active())
    state.trial_end = state.end.sequence + (state.end.skip > 0 ? 1 : 0);
  state.trial.give_up(what.why, state.open_items, body_bytes);
  state.open = 0;
  state.next_attempt = 0;
  queue.changed = true;
  if (what.why == recut_reason::renewed && state.paused == 0) {
    // The same items under another id: what was held against them holds.
    const auto refusals = state.refusals;
    const auto doubts = state.doubts;
    cut(scope, queue, what.limits);
    state.refusals = refusals;
    state.doubts = doubts;
  }
  return next_of(scope, queue, what.limits);
}

caf::expected<reply> apply(commit_scope& scope,
                           const storage::set_aside& what) {
  auto found = what.txn_id.empty() ? find_claimed(scope, what.who)
                                   : find_open(scope, what.who, what.txn_id);
  if (!found)
    return found.error();
  if (found->open == 0)
    return fault(ec::unknown_transaction,
                 "service " + found->id + ": no transaction is open");
  open_queue queue{what.who.service, std::move(*found)};
  auto& state = queue.state;
  // None where a record of it is rotten: what is left of it is cut anew.
  if (auto items = items_of_open(scope, queue)) {
    put_dead_letters(scope, queue, *items, what.reason);
    close_open(scope, queue);
    state.trial.set_aside(state.open_items);
  }
  state.next_attempt = 0;
  queue.changed = true;
  return next_of(scope, queue, what.limits);
}

} // namespace posthorn::storage::lmdb
