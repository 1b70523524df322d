// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/services.hpp"

#include "storage/lmdb/calls.hpp"
#include "storage/lmdb/leases.hpp"

namespace posthorn::storage::lmdb {

namespace {

/// The number of a service id; 0 where there is none.
caf::expected<service_no> find_number(transaction& txn, std::string_view id) {
  auto bytes = txn.get(table::names, id);
  if (!bytes)
    return service_no{0};
  if (auto record = decode<name_record>(table::names, id, *bytes))
    return record->number;
  return rotten_fault(txn.env(),
                      "of service " + std::string{id} + " in table names");
}

caf::error check_id(const std::string& id) {
  if (!id.empty() && id.size() <= service_id_max)
    return {};
  return fault(ec::bad_config, "service \"" + id + "\": an id has 1 to "
                                 + std::to_string(service_id_max) + " bytes");
}

caf::error rotten_service(const environment& env, service_no service) {
  return rotten_fault(env, "of service number " + std::to_string(service)
                             + " in table services");
}

/// When the oldest item of a queue was taken in.
std::int64_t oldest_in(transaction& txn, service_no service,
                       const service_state& state) {
  walker walk{txn, table::queue};
  auto from = queue_key(service, state.head.sequence);
  for (auto more = walk.seek(from); more; more = walk.step()) {
    if (load_big_endian<service_no>(walk.key()) != service)
      break;
    auto entry = decode<queue_entry>(table::queue, walk.key(), walk.value());
    if (entry)
      return entry->received;
  }
  return 0;
}

service_row row_of(service_no number, const service_state& state,
                   const lease_state& lease, std::int64_t oldest) {
  service_row row;
  row.number = number;
  row.id = state.id;
  row.paused = state.paused != 0;
  row.pending_events = state.pending_items;
  row.pending_bytes = state.pending_bytes;
  row.oldest = time_of(oldest);
  row.txn_id = transaction_id(state);
  row.open = state.open != 0;
  row.delivered_events = state.delivered_items;
  row.delivered_transactions = state.delivered_transactions;
  row.failures = state.failures;
  row.next_attempt = time_of(state.next_attempt);
  row.last_error = state.last_error;
  row.last_failure = time_of(state.last_failure);
  row.last_success = time_of(state.last_success);
  row.owner = lease.holder;
  row.epoch = lease.epoch;
  return row;
}

} // namespace

caf::expected<reply> apply(commit_scope& scope, const enroll& what) {
  enrolled result;
  for (auto& id : what.ids) {
    if (auto error = check_id(id))
      return error;
    auto number = find_number(scope.txn, id);
    if (!number)
      return number.error();
  }
  for (auto& id : what.ids) {
    // Cannot fail any more; looked up anew as an id may stand there twice.
    auto number = find_number(scope.txn, id);
    if (number && *number != 0) {
      result.numbers.push_back(*number);
      continue;
    }
    auto given = scope.count.next_service++;
    put_record(scope.txn, table::names, id, name_record{0, given, 0});
    service_state state;
    state.id = id;
    put_service(scope.txn, given, std::move(state));
    result.numbers.push_back(given);
  }
  return result;
}

caf::expected<reply> apply(commit_scope& scope, const set_paused& what) {
  auto state = find_service(scope.txn, what.service);
  if (!state)
    return state.error();
  if ((state->paused != 0) != what.paused) {
    state->paused = what.paused ? 1 : 0;
    auto owner = find_lease(scope.txn, lease_name(state->id));
    if (!owner)
      return owner.error();
    ring(scope, what.service, *owner,
         what.paused ? call_kind::pause : call_kind::resume);
    put_service(scope.txn, what.service, std::move(*state));
  }
  return nothing_more{};
}

caf::expected<service_state> find_service(transaction& txn,
                                          service_no service) {
  auto key = service_key(service);
  auto bytes = txn.get(table::services, key);
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  if (!bytes)
    return fault(ec::unknown_service,
                 "no service has the number " + std::to_string(service));
  if (auto state = decode_service(key, *bytes))
    return std::move(*state);
  return rotten_service(txn.env(), service);
}

caf::expected<service_state> find_claimed(commit_scope& scope, claim who) {
  auto state = find_service(scope.txn, who.service);
  if (!state)
    return state;
  auto lease = check_lease(scope.txn, lease_name(state->id), who.epoch);
  if (!lease)
    return lease.error();
  return state;
}

std::string transaction_id(const service_state& state) {
  if (state.transaction == 0)
    return {};
  std::string result{state.prefix.data(), state.prefix.size()};
  return result + "-" + std::to_string(state.transaction);
}

caf::expected<std::vector<service_row>> read_services(transaction& txn,
                                                      session_book& sessions) {
  std::vector<service_row> rows;
  walker walk{txn, table::services};
  for (auto more = walk.seek(service_key(0)); more; more = walk.step()) {
    auto number = load_big_endian<service_no>(walk.key());
    auto state = decode_service(walk.key(), walk.value());
    if (!state)
      return rotten_service(txn.env(), number);
    auto lease = find_lease(txn, lease_name(state->id));
    if (!lease)
      return lease.error();
    auto oldest = state->pending_items > 0 ? oldest_in(txn, number, *state) : 0;
    if (!is_held(*lease, sessions))
      lease->holder.clear();
    rows.push_back(row_of(number, *state, *lease, oldest));
  }
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  return rows;
}

} // namespace posthorn::storage::lmdb
