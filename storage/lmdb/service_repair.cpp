// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/service_repair.hpp"

namespace posthorn::storage::lmdb {

namespace {

std::optional<std::string> id_of(transaction& txn, service_no service) {
  walker walk{txn, table::names};
  // An id has at least a byte, and no key is less than this one.
  const std::string_view least{"", 1};
  for (auto more = walk.seek(least); more; more = walk.step()) {
    auto record = decode<name_record>(table::names, walk.key(), walk.value());
    if (record && record->number == service)
      return std::string{walk.key()};
  }
  return std::nullopt;
}

/// Finds the ends of the queue, and what waits in it. A rotten entry is found
/// and reported when the queue is cut.
void measure_queue(transaction& txn, service_no service, service_state& state) {
  walker walk{txn, table::queue};
  auto first = true;
  for (auto more = walk.seek(queue_key(service, 0)); more; more = walk.step()) {
    if (load_big_endian<service_no>(walk.key()) != service)
      break;
    auto sequence = load_big_endian<std::uint64_t>(walk.key().substr(4));
    if (std::exchange(first, false))
      state.head.sequence = state.unswept_from = sequence;
    state.tail = sequence + 1;
    auto entry = decode<queue_entry>(table::queue, walk.key(), walk.value());
    if (!entry)
      continue;
    state.pending_items += entry->count;
    state.pending_bytes += entry->bytes;
  }
}

void measure_dead(transaction& txn, service_no service, service_state& state) {
  walker walk{txn, table::dead};
  for (auto more = walk.seek(dead_key(service, 0)); more; more = walk.step()) {
    if (load_big_endian<service_no>(walk.key()) != service)
      break;
    ++state.dead_items;
    dead_fixed fixed;
    if (walk.value().size() < sizeof(fixed)
        || !intact(table::dead, walk.key(), walk.value()))
      continue;
    std::memcpy(&fixed, walk.value().data(), sizeof(fixed));
    state.dead_bytes += fixed.json_bytes;
  }
}

} // namespace

std::optional<service_state> rebuilt_service(transaction& txn,
                                             service_no service) {
  auto id = id_of(txn, service);
  if (!id)
    return std::nullopt;
  service_state result;
  result.id = std::move(*id);
  result.paused = 1;
  result.last_error
    = "its record in the store was rotten and is made anew from "
      "its queue; paused: check the disk, then resume it";
  measure_queue(txn, service, result);
  measure_dead(txn, service, result);
  return result;
}

caf::expected<service_state> repair_service(commit_scope& scope,
                                            service_no service) {
  auto state = rebuilt_service(scope.txn, service);
  if (!state)
    return rotten_fault(scope.txn.env(), "of service number "
                                           + std::to_string(service)
                                           + " in table services");
  set_aside(scope, table::services, service_key(service),
            "the record of service " + state->id);
  scope.rot.tell("repair of " + state->id,
                 "service " + state->id
                   + " is paused: which of its oldest entries it was sent is "
                     "not known, and up to a mebibyte will be sent again; "
                     "resume it when the disk is in order");
  // Far above any number that this process has given: no id is used twice.
  state->transaction = static_cast<std::uint64_t>(scope.now());
  state->prefix = scope.prefix;
  put_service(scope.txn, service, *state);
  return std::move(*state);
}

} // namespace posthorn::storage::lmdb
