// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/cutting.hpp"

#include "storage/lmdb/newest.hpp"
#include "storage/lmdb/services.hpp"
#include "storage/transaction_body.hpp"

#include <vector>

namespace posthorn::storage::lmdb {

namespace {

/// Queue entries that one transaction may cover, so that neither cutting nor
/// completing one takes long, however little of it is sent. Gaps cost nothing.
constexpr std::uint64_t entries_max = 4096;

/// How much that is done may wait to be deleted.
constexpr std::uint32_t unswept_transactions_max = 16;
constexpr std::uint64_t unswept_bytes_max = 1024ull * 1024;
constexpr std::uint64_t unswept_entries_max = 2048;

/// An entry of the queue that cannot be delivered.
struct bad_entry {
  std::uint64_t sequence = 0;
  /// None where the entry itself is rotten.
  std::optional<queue_entry> entry;
};

std::string entry_name(const open_queue& queue, std::uint64_t sequence) {
  return "entry " + std::to_string(sequence) + " of the queue of "
         + queue.state.id;
}

/// Takes an entry out of the queue, and its batch record or the entry itself
/// aside. `skip`: how many of its items are delivered.
void discard(commit_scope& scope, open_queue& queue, const bad_entry& bad) {
  auto& state = queue.state;
  auto key = queue_key(queue.service, bad.sequence);
  queue.changed = true;
  // Its counts no longer hold; what is refused will be found anew.
  state.trial = {};
  if (!bad.entry) {
    set_aside(scope, table::queue, key, entry_name(queue, bad.sequence));
    return;
  }
  forget_newest(scope, queue.service, bad.sequence, *bad.entry);
  set_aside_batch(scope, bad.entry->record);
  scope.txn.erase(table::queue, key);
  auto items = std::uint64_t{bad.entry->count};
  if (bad.sequence == state.head.sequence)
    items -= std::min<std::uint64_t>(items, state.head.skip);
  // Of a record that nobody can read, the bytes of the delivered part are an
  // estimate.
  auto bytes
    = bad.entry->count == 0 ? 0 : bad.entry->bytes * items / bad.entry->count;
  state.pending_items -= std::min(items, state.pending_items);
  state.pending_bytes -= std::min(bytes, state.pending_bytes);
  if (bad.sequence == state.head.sequence)
    state.head = {bad.sequence + 1, 0, 0};
}

/// Walks the entries from the head to before `end`, as long as `visit(sequence,
/// entry, batch, first item)` answers true. Answers those that are bad.
template <class Visit>
std::vector<bad_entry> walk_queue(commit_scope& scope, const open_queue& queue,
                                  std::uint64_t end, Visit visit) {
  std::vector<bad_entry> bad;
  auto& head = queue.state.head;
  walker walk{scope.txn, table::queue};
  auto from = queue_key(queue.service, head.sequence);
  for (auto more = walk.seek(from); more; more = walk.step()) {
    auto key = walk.key();
    if (load_big_endian<service_no>(key) != queue.service)
      break;
    auto sequence = load_big_endian<std::uint64_t>(key.substr(4));
    if (sequence >= end)
      break;
    auto entry = decode<queue_entry>(table::queue, key, walk.value());
    auto batch = entry ? find_batch(scope, entry->record) : std::nullopt;
    if (scope.txn.failure() != 0)
      break;
    if (!batch || std::uint64_t{entry->first} + entry->count > batch->items()) {
      bad.push_back({sequence, entry});
      continue;
    }
    auto skip = sequence == head.sequence ? head.skip : 0;
    if (!visit(sequence, *entry, *batch, skip))
      break;
  }
  return bad;
}

bool goes_into_array(item_kind kind) {
  return kind == item_kind::event || kind == item_kind::ephemeral
         || kind == item_kind::to_device;
}

/// An entry and where it stands.
struct sequenced {
  std::uint64_t sequence = 0;
  queue_entry entry;
};

/// What a cut has found.
struct cut_line {
  /// The first item that is not in it.
  queue_place end;
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;
  std::uint32_t events = 0;
  bool sends = false;
};

/// Draws the line after the items at the head that fit. Entries on the way that
/// have expired are put into `expired` and count for nothing: they must be
/// withdrawn before the transaction is open. Answers the bad entries; the line
/// only counts when there are none.
std::vector<bad_entry> draw_line(commit_scope& scope, const open_queue& queue,
                                 const cut_limits& limits, cut_line& line,
                                 std::vector<sequenced>& expired) {
  auto narrow = limits;
  narrow.max_bytes = std::min(limits.max_bytes, queue.state.trial.bytes_max());
  const auto items_max = queue.state.trial.items_max();
  body_gauge gauge{narrow};
  line = {{queue.state.tail, 0, 0}, 0, 0, 0, false};
  std::uint64_t entries = 0;
  auto now = scope.now();
  auto visit = [&](std::uint64_t sequence, const queue_entry& entry,
                   const batch_view& batch, std::uint32_t skip) {
    if (++entries > entries_max) {
      line.end = {sequence, skip, 0};
      return false;
    }
    if (entry.expires != 0 && entry.expires <= now) {
      expired.push_back({sequence, entry});
      return true;
    }
    for (; skip < entry.count; ++skip) {
      auto i = entry.first + skip;
      auto size = batch.size(i);
      if (line.items == items_max || !gauge.take(batch.kind(i), size)) {
        line.end = {sequence, skip, 0};
        return false;
      }
      ++line.items;
      line.bytes += size;
    }
    return true;
  };
  auto bad = walk_queue(scope, queue, queue.state.tail, visit);
  line.events = gauge.events();
  line.sends = gauge.sends();
  return bad;
}

} // namespace

void sweep(commit_scope& scope, open_queue& queue) {
  auto& state = queue.state;
  std::vector<std::uint64_t> passed;
  {
    // Where an entry was set aside or withdrawn is a gap.
    walker walk{scope.txn, table::queue};
    auto from = queue_key(queue.service, state.unswept_from);
    for (auto more = walk.seek(from); more; more = walk.step()) {
      auto sequence = load_big_endian<std::uint64_t>(walk.key().substr(4));
      if (load_big_endian<service_no>(walk.key()) != queue.service
          || sequence >= state.head.sequence)
        break;
      passed.push_back(sequence);
    }
  }
  for (auto sequence : passed) {
    auto key = queue_key(queue.service, sequence);
    auto bytes = scope.txn.get(table::queue, key);
    if (!bytes)
      continue;
    auto entry = decode<queue_entry>(table::queue, key, *bytes);
    if (!entry) {
      set_aside(scope, table::queue, key, entry_name(queue, sequence));
      continue;
    }
    forget_newest(scope, queue.service, sequence, *entry);
    release(scope, entry->record);
    scope.txn.erase(table::queue, key);
  }
  state.unswept_from = state.head.sequence;
  state.unswept_bytes = 0;
  state.unswept_transactions = 0;
  queue.changed = true;
}

void consume(commit_scope& scope, open_queue& queue, const queue_place& end,
             std::uint64_t bytes) {
  auto& state = queue.state;
  state.head = end;
  state.unswept_bytes += bytes;
  ++state.unswept_transactions;
  queue.changed = true;
  const auto entries = end.sequence - state.unswept_from;
  const auto scarce
    = scope.scarce || scope.count.used_bytes > scope.options.max_store / 2;
  if (end.sequence >= state.tail || entries > unswept_entries_max || scarce
      || state.unswept_bytes >= unswept_bytes_max
      || state.unswept_transactions >= unswept_transactions_max)
    sweep(scope, queue);
}

void cut(commit_scope& scope, open_queue& queue, const cut_limits& limits) {
  auto& state = queue.state;
  while (state.head.sequence < state.tail && scope.txn.failure() == 0) {
    cut_line line;
    std::vector<sequenced> expired;
    auto bad = draw_line(scope, queue, limits, line, expired);
    if (scope.txn.failure() != 0)
      return;
    for (auto& each : expired)
      withdraw(scope, queue, each.sequence, each.entry);
    if (!bad.empty()) {
      for (auto& each : bad)
        discard(scope, queue, each);
      continue;
    }
    if (line.sends) {
      state.open = 1;
      state.rendering = rendering_now;
      state.stable_ephemeral = limits.stable_ephemeral ? 1 : 0;
      state.unstable_ephemeral = limits.unstable_ephemeral ? 1 : 0;
      state.max_events = limits.max_events;
      state.max_bytes = limits.max_bytes;
      ++state.transaction;
      state.prefix = scope.prefix;
      state.end = line.end;
      state.open_items = line.items;
      state.open_bytes = line.bytes;
      state.open_events = line.events;
      state.refusals = 0;
      state.doubts = 0;
      state.probing = 0;
      queue.changed = true;
      return;
    }
    // Only what this service cannot be sent, or nothing but gaps.
    consume(scope, queue, line.end, line.bytes);
    state.trial.pass(line.items);
    state.pending_items -= std::min(line.items, state.pending_items);
    state.pending_bytes -= std::min(line.bytes, state.pending_bytes);
  }
  if (state.head.sequence >= state.tail && state.pending_items != 0) {
    // What a rotten queue entry had counted.
    state.pending_items = 0;
    state.pending_bytes = 0;
    queue.changed = true;
  }
}

std::optional<std::vector<open_item>> items_of_open(commit_scope& scope,
                                                    open_queue& queue) {
  auto& state = queue.state;
  std::vector<open_item> items;
  auto visit = [&](std::uint64_t sequence, const queue_entry& entry,
                   const batch_view& batch, std::uint32_t skip) {
    auto stop = sequence == state.end.sequence ? state.end.skip : entry.count;
    for (; skip < stop; ++skip) {
      auto i = entry.first + skip;
      items.push_back(
        {batch.kind(i), entry.received, std::string{batch.run(i, 1)}});
    }
    return true;
  };
  auto end = state.end.sequence + (state.end.skip > 0 ? 1 : 0);
  auto bad = walk_queue(scope, queue, end, visit);
  if (scope.txn.failure() != 0)
    return std::nullopt;
  if (bad.empty())
    return items;
  state.open = 0;
  for (auto& each : bad)
    discard(scope, queue, each);
  return std::nullopt;
}

outbound_ptr render_open(commit_scope& scope, open_queue& queue) {
  auto& state = queue.state;
  std::vector<body_run> runs;
  std::int64_t oldest = 0;
  auto visit = [&](std::uint64_t sequence, const queue_entry& entry,
                   const batch_view& batch, std::uint32_t skip) {
    if (oldest == 0)
      oldest = entry.received;
    auto stop = sequence == state.end.sequence ? state.end.skip : entry.count;
    while (skip < stop) {
      auto kind = batch.kind(entry.first + skip);
      auto first = skip++;
      // What goes into one array is copied as one piece.
      if (goes_into_array(kind))
        while (skip < stop && batch.kind(entry.first + skip) == kind)
          ++skip;
      runs.push_back({kind, batch.run(entry.first + first, skip - first)});
    }
    return true;
  };
  auto end = state.end.sequence + (state.end.skip > 0 ? 1 : 0);
  auto bad = walk_queue(scope, queue, end, visit);
  if (scope.txn.failure() != 0)
    return nullptr;
  if (!bad.empty()) {
    state.open = 0;
    for (auto& each : bad)
      discard(scope, queue, each);
    return nullptr;
  }
  auto body = render(
    runs, {state.stable_ephemeral != 0, state.unstable_ephemeral != 0});
  auto result = std::make_shared<outbound>();
  result->txn_id = transaction_id(state);
  result->number = state.transaction;
  result->body = std::move(body.json);
  result->events = state.open_events;
  result->items = state.open_items;
  result->refusals = state.refusals;
  result->doubts = state.doubts;
  result->suspect = state.trial.poison != 0;
  result->probing = state.probing != 0;
  result->oldest = time_of(oldest);
  result->failures = state.failures;
  result->next_attempt = time_of(state.next_attempt);
  if (body.unfoldable > 0)
    scope.rot.tell(result->txn_id + " of " + state.id,
                   "transaction " + result->txn_id + " of " + state.id + ": "
                     + std::to_string(body.unfoldable)
                     + " items of device lists or key counts are not what they "
                       "should be and were left out");
  return result;
}

} // namespace posthorn::storage::lmdb
