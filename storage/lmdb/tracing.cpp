// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/tracing.hpp"

#include "storage/lmdb/batch_record.hpp"
#include "storage/lmdb/dead_letters.hpp"
#include "storage/lmdb/services.hpp"

#include <algorithm>
#include <utility>

namespace posthorn::storage::lmdb {

namespace {

/// What one read transaction looks at: a few milliseconds' worth.
constexpr std::uint64_t step_bytes = std::uint64_t{4} << 20;

/// What a record costs beside its bytes.
constexpr std::uint64_t record_cost = 64;

/// Before all keys; LMDB takes no empty ones.
constexpr std::string_view first_key{"\0", 1};

} // namespace

event_search::event_search(trace_query what)
  : what_{std::move(what)}, begin_{std::chrono::steady_clock::now()},
    next_{first_key} {
  // nop
}

event_trace event_search::take() && {
  return std::move(found_);
}

void event_search::enter(phase next) {
  phase_ = next;
  next_ = first_key;
}

bool event_search::is_full() {
  const auto places
    = holders_.size() + found_.queues.size() + found_.dead.size();
  if (places < what_.max_places)
    return false;
  found_.complete = false;
  return true;
}

template <class Visit>
void event_search::walk(transaction& txn, table where, Visit visit) {
  // The batch records may take three fifths of the time, so that what they are
  // found to hold can still be looked for in the queues.
  const auto fifths = phase_ < phase::queues  ? 3
                      : phase_ == phase::dead ? 5
                                              : 4;
  const auto deadline = begin_ + what_.patience * fifths / 5;
  walker at{txn, where};
  for (auto more = at.seek(next_); more; more = at.step()) {
    if (budget_ == 0) {
      next_ = at.key();
      return;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      found_.complete = false;
      break;
    }
    const auto cost = at.value().size() + record_cost;
    budget_ -= std::min<std::uint64_t>(budget_, cost);
    ++found_.examined;
    visit(at.key(), at.value());
  }
  enter(static_cast<phase>(static_cast<int>(phase_) + 1));
}

caf::expected<bool> event_search::step(transaction& txn) {
  budget_ = step_bytes;
  state_ = std::nullopt;
  while (phase_ != phase::done && budget_ > 0 && txn.failure() == 0)
    switch (phase_) {
    case phase::pool:
    case phase::parcels: {
      const auto where = phase_ == phase::pool ? table::pool : table::parcels;
      walk(txn, where, [&](std::string_view key, std::string_view value) {
        look_at_batch(txn, where, key, value);
      });
      break;
    }
    case phase::queues:
      walk(txn, table::queue,
           [&](std::string_view key, std::string_view value) {
             look_at_entry(txn, key, value);
           });
      break;
    case phase::dead:
      walk(txn, table::dead, [&](std::string_view key, std::string_view value) {
        look_at_dead(key, value);
      });
      break;
    case phase::done:
      break;
    }
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  return phase_ != phase::done;
}

void event_search::look_at_batch(transaction& txn, table where,
                                 std::string_view key, std::string_view bytes) {
  const auto number = load_big_endian<std::uint64_t>(key);
  const auto record = where == table::parcels ? number | in_parcels : number;
  const auto view = batch_view::verify(record, bytes);
  if (!view) {
    ++found_.unreadable;
    return;
  }
  std::vector<std::uint32_t> items;
  for (std::uint32_t i = 0; i < view->items(); ++i)
    if (view->kind(i) == item_kind::event
        && reader_.is(view->run(i, 1), what_.event_id))
      items.push_back(i);
  if (items.empty() || is_full())
    return;
  holders_.emplace(record, std::move(items));
  if (where != table::pool)
    return;
  // A batch that is sorted may stay here for the queues that need it.
  const auto count = read_counters(txn);
  if (count && number > count->cursor)
    found_.pool.push_back(
      {number, std::string{view->feed()}, time_of(view->received())});
}

void event_search::look_at_entry(transaction& txn, std::string_view key,
                                 std::string_view bytes) {
  const auto service = load_big_endian<service_no>(key);
  const auto sequence = load_big_endian<std::uint64_t>(key.substr(4));
  if (service != std::exchange(service_, service)) {
    passed_ = 0;
    state_ = std::nullopt;
  }
  if (!state_) {
    const auto row_key = service_key(service);
    if (const auto row = txn.get(table::services, row_key))
      state_ = decode_service(row_key, *row);
    // One that is rotten: its queue is looked at without it.
    if (!state_)
      state_ = service_state{};
  }
  const auto& state = *state_;
  // Done, and not deleted yet.
  if (sequence < state.head.sequence)
    return;
  const auto entry = decode<queue_entry>(table::queue, key, bytes);
  if (!entry) {
    ++found_.unreadable;
    return;
  }
  const auto skip
    = sequence == state.head.sequence ? state.head.skip : std::uint32_t{0};
  if (const auto holder = holders_.find(entry->record);
      holder != holders_.end())
    for (const auto item : holder->second) {
      if (item < entry->first + skip || item - entry->first >= entry->count
          || is_full())
        continue;
      const auto place = item - entry->first;
      queued_event one;
      one.service = service;
      one.received = time_of(entry->received);
      one.before = passed_ + place - skip;
      one.open
        = state.open != 0
          && (sequence < state.end.sequence
              || (sequence == state.end.sequence && place < state.end.skip));
      if (one.open)
        one.txn_id = transaction_id(state);
      one.failures = state.failures;
      one.next_attempt = time_of(state.next_attempt);
      one.paused = state.paused != 0;
      found_.queues.push_back(std::move(one));
    }
  passed_ += entry->count - std::min(skip, entry->count);
}

void event_search::look_at_dead(std::string_view key, std::string_view bytes) {
  const auto letter = decode_dead(key, bytes);
  if (!letter) {
    ++found_.unreadable;
    return;
  }
  const auto kind = static_cast<item_kind>(letter->fixed.kind);
  if (kind != item_kind::event || !reader_.is(letter->json, what_.event_id)
      || is_full())
    return;
  dead_letter one;
  one.service = load_big_endian<service_no>(key);
  one.number = load_big_endian<std::uint64_t>(key.substr(4));
  one.kind = kind;
  one.txn_id = letter->txn_id;
  one.reason = letter->reason;
  one.set_aside = time_of(letter->fixed.set_aside);
  one.received = time_of(letter->fixed.received);
  one.size = letter->json.size();
  found_.dead.push_back(std::move(one));
}

} // namespace posthorn::storage::lmdb
