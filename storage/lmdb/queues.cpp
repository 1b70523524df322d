// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/queues.hpp"

#include "storage/lmdb/cutting.hpp"
#include "storage/lmdb/services.hpp"

namespace posthorn::storage::lmdb {

namespace {

/// Bytes of an error line that are kept.
constexpr std::size_t error_max = 500;

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

std::string error_line(const setback& what) {
  std::string line = to_string(what.what);
  if (what.status != 0)
    line += " " + std::to_string(what.status);
  if (!what.detail.empty())
    line += ": " + what.detail;
  if (line.size() > error_max) {
    auto end = error_max;
    // Not inside a character.
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80)
      --end;
    line.resize(end);
  }
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
  consume(scope, queue, state.end);
  state.open = 0;
  state.pending_items -= std::min(state.open_items, state.pending_items);
  state.pending_bytes -= std::min(state.open_bytes, state.pending_bytes);
  state.delivered_items += state.open_items;
  ++state.delivered_transactions;
  state.failures = 0;
  state.next_attempt = 0;
  state.last_success = scope.now();
  return next_of(scope, queue, what.limits);
}

caf::expected<reply> apply(commit_scope& scope, const fail& what) {
  auto state = find_open(scope, what.who, what.what.txn_id);
  if (!state)
    return state.error();
  state->failures = what.what.failures;
  state->next_attempt = micros_of(what.what.next_attempt);
  state->last_failure = scope.now();
  state->last_error = error_line(what.what);
  put_service(scope.txn, what.who.service, std::move(*state));
  return nothing_more{};
}

} // namespace posthorn::storage::lmdb
