// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/newest.hpp"

#include <algorithm>

namespace posthorn::storage::lmdb {

namespace {

/// The entry that is noted as the newest of a subject; none where none is, or
/// where the note is rotten: the subject then has two entries for a while.
std::optional<std::uint64_t> newest_of(commit_scope& scope, service_no service,
                                       std::uint64_t subject) {
  auto key = newest_key(service, subject);
  auto bytes = scope.txn.get(table::newest, key);
  if (!bytes)
    return std::nullopt;
  if (auto record = decode<newest_record>(table::newest, key, *bytes))
    return record->sequence;
  set_aside(scope, table::newest, key, "the newest entry of a subject");
  return std::nullopt;
}

bool in_open_transaction(const service_state& state, std::uint64_t sequence) {
  return state.open != 0 && sequence < state.end.sequence;
}

} // namespace

void supersede(commit_scope& scope, open_queue& queue, std::uint64_t subject,
               std::uint64_t sequence) {
  auto old = newest_of(scope, queue.service, subject);
  if (old && *old >= queue.state.head.sequence
      && !in_open_transaction(queue.state, *old)) {
    auto key = queue_key(queue.service, *old);
    auto bytes = scope.txn.get(table::queue, key);
    auto entry
      = bytes ? decode<queue_entry>(table::queue, key, *bytes) : std::nullopt;
    // A rotten entry is found and reported when the queue is walked.
    if (entry && entry->subject == subject)
      withdraw(scope, queue, *old, *entry);
  }
  put_record(scope.txn, table::newest, newest_key(queue.service, subject),
             newest_record{0, sequence});
}

void withdraw(commit_scope& scope, open_queue& queue, std::uint64_t sequence,
              const queue_entry& entry) {
  auto& state = queue.state;
  forget_newest(scope, queue.service, sequence, entry);
  release(scope, entry.record);
  scope.txn.erase(table::queue, queue_key(queue.service, sequence));
  state.pending_items
    -= std::min<std::uint64_t>(entry.count, state.pending_items);
  state.pending_bytes -= std::min(entry.bytes, state.pending_bytes);
  if (sequence < state.trial_end)
    state.trial.withdraw(entry.count);
  queue.changed = true;
}

void forget_newest(commit_scope& scope, service_no service,
                   std::uint64_t sequence, const queue_entry& entry) {
  if (entry.subject == 0)
    return;
  auto newest = newest_of(scope, service, entry.subject);
  if (newest == sequence)
    scope.txn.erase(table::newest, newest_key(service, entry.subject));
}

std::optional<queue_entry> write_item(commit_scope& scope, item_kind kind,
                                      std::string_view json,
                                      std::int64_t received) {
  auto record = scope.count.next_parcel | in_parcels;
  auto size = batch_record_size(1, 0, 0, json.size());
  auto at
    = scope.txn.reserve(table::parcels, record_key(record), size, MDB_APPEND);
  if (at == nullptr)
    return std::nullopt;
  ++scope.count.next_parcel;
  auto taken = footprint(size, scope.txn.env().page_bytes());
  scope.count.used_bytes += taken;
  scope.written += taken;
  batch_fixed fixed;
  fixed.items = 1;
  fixed.received = received;
  batch_writer writer{at, size, fixed, {}, {}};
  writer.add(kind, json);
  writer.finish(record);
  queue_entry entry;
  entry.record = record;
  entry.count = 1;
  entry.bytes = json.size();
  entry.received = received;
  return entry;
}

} // namespace posthorn::storage::lmdb
