// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/dead_letters.hpp"

#include "storage/lmdb/services.hpp"

#include <algorithm>
#include <limits>

namespace posthorn::storage::lmdb {

namespace {

/// Bytes of a line for the operator that are kept.
constexpr std::size_t line_max = 500;

/// Bytes of items that one replay puts back, unless the first has more.
constexpr std::uint64_t replay_bytes_max = 1024 * 1024;

std::string name_of_dead(std::uint64_t number) {
  return "dead letter " + std::to_string(number);
}

/// A dead letter that a replay or drop takes.
struct taken_letter {
  std::uint64_t number = 0;
  item_kind kind = item_kind::event;
  std::int64_t received = 0;
  std::string json;
};

/// What one replay or drop takes.
struct taken_letters {
  std::vector<taken_letter> letters;
  std::vector<std::uint64_t> rotten;
  std::uint64_t bytes = 0;
  bool more = false;
};

/// Finds the dead letters of a transaction, or all where `txn_id` is empty.
taken_letters find_letters(commit_scope& scope, service_no service,
                           std::string_view txn_id, std::uint64_t bytes_max) {
  taken_letters result;
  walker walk{scope.txn, table::dead};
  for (auto more = walk.seek(dead_key(service, 0)); more; more = walk.step()) {
    if (load_big_endian<service_no>(walk.key()) != service)
      break;
    auto number = load_big_endian<std::uint64_t>(walk.key().substr(4));
    auto letter = decode_dead(walk.key(), walk.value());
    if (!letter) {
      result.rotten.push_back(number);
      continue;
    }
    if (!txn_id.empty() && letter->txn_id != txn_id)
      continue;
    auto full = result.letters.size() >= dead_step
                || result.bytes + letter->json.size() > bytes_max;
    if (full && !result.letters.empty()) {
      result.more = true;
      break;
    }
    result.letters.push_back(
      {number, static_cast<item_kind>(letter->fixed.kind),
       letter->fixed.received, std::string{letter->json}});
    result.bytes += letter->json.size();
  }
  return result;
}

/// Deletes what was found; moves to the table rotten what cannot be read.
void erase_letters(commit_scope& scope, service_no service,
                   service_state& state, const taken_letters& what) {
  auto page = scope.txn.env().page_bytes();
  auto forget = [&](std::uint64_t number, std::uint64_t json_bytes) {
    auto bytes = scope.txn.get(table::dead, dead_key(service, number));
    if (!bytes)
      return;
    auto taken = footprint(bytes->size(), page);
    scope.count.used_bytes -= std::min(taken, scope.count.used_bytes);
    scope.count.dead_items
      -= std::min<std::uint64_t>(1, scope.count.dead_items);
    state.dead_items -= std::min<std::uint64_t>(1, state.dead_items);
    state.dead_bytes -= std::min(json_bytes, state.dead_bytes);
  };
  for (auto& each : what.letters) {
    forget(each.number, each.json.size());
    scope.txn.erase(table::dead, dead_key(service, each.number));
  }
  for (auto number : what.rotten) {
    forget(number, 0);
    lmdb::set_aside(scope, table::dead, dead_key(service, number),
                    name_of_dead(number) + " of " + state.id);
  }
  if (state.dead_items == 0)
    state.dead_bytes = 0;
}

/// Puts the letters into a record of their own at the end of the queue.
void enqueue(commit_scope& scope, service_no service, service_state& state,
             const taken_letters& what) {
  if (what.letters.empty())
    return;
  batch_fixed fixed;
  fixed.items = static_cast<std::uint32_t>(what.letters.size());
  fixed.received = std::numeric_limits<std::int64_t>::max();
  for (auto& each : what.letters)
    fixed.received = std::min(fixed.received, each.received);
  auto record = scope.count.next_parcel | in_parcels;
  auto size = batch_record_size(fixed.items, 0, 0, what.bytes);
  auto at
    = scope.txn.reserve(table::parcels, record_key(record), size, MDB_APPEND);
  if (at == nullptr)
    return;
  ++scope.count.next_parcel;
  auto taken = footprint(size, scope.txn.env().page_bytes());
  scope.count.used_bytes += taken;
  scope.written += taken;
  batch_writer writer{at, size, fixed, {}, {}};
  for (auto& each : what.letters)
    writer.add(each.kind, each.json);
  writer.finish(record);
  queue_entry entry;
  entry.record = record;
  entry.count = fixed.items;
  entry.bytes = what.bytes;
  entry.received = fixed.received;
  put_record(scope.txn, table::queue, queue_key(service, state.tail), entry);
  ++state.tail;
  state.pending_items += entry.count;
  state.pending_bytes += entry.bytes;
}

} // namespace

std::optional<dead_view> decode_dead(std::string_view key,
                                     std::string_view bytes) {
  dead_view result;
  auto& fixed = result.fixed;
  if (bytes.size() < sizeof(fixed) || !intact(table::dead, key, bytes))
    return std::nullopt;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  bytes.remove_prefix(sizeof(fixed));
  if (bytes.size()
      != std::uint64_t{fixed.txn_bytes} + fixed.reason_bytes + fixed.json_bytes)
    return std::nullopt;
  result.txn_id = bytes.substr(0, fixed.txn_bytes);
  result.reason = bytes.substr(fixed.txn_bytes, fixed.reason_bytes);
  result.json = bytes.substr(fixed.txn_bytes + fixed.reason_bytes);
  return result;
}

void shorten_line(std::string& line) {
  if (line.size() <= line_max)
    return;
  auto end = line_max;
  // Not inside a character.
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80)
    --end;
  line.resize(end);
}

void put_dead_letters(commit_scope& scope, open_queue& queue,
                      const std::vector<open_item>& items, std::string reason) {
  auto& state = queue.state;
  shorten_line(reason);
  auto txn_id = transaction_id(state);
  for (auto& each : items) {
    dead_fixed fixed;
    fixed.set_aside = scope.now();
    fixed.received = each.received;
    fixed.kind = static_cast<std::uint32_t>(each.kind);
    fixed.txn_bytes = static_cast<std::uint32_t>(txn_id.size());
    fixed.reason_bytes = static_cast<std::uint32_t>(reason.size());
    fixed.json_bytes = static_cast<std::uint32_t>(each.json.size());
    std::string bytes;
    bytes.reserve(sizeof(fixed) + txn_id.size() + reason.size()
                  + each.json.size());
    bytes.append(reinterpret_cast<const char*>(&fixed), sizeof(fixed));
    bytes.append(txn_id).append(reason).append(each.json);
    auto key = dead_key(queue.service, scope.count.next_dead++);
    seal(table::dead, key, bytes.data(), bytes.size());
    scope.txn.put(table::dead, key, bytes);
    auto taken = footprint(bytes.size(), scope.txn.env().page_bytes());
    scope.count.used_bytes += taken;
    scope.written += taken;
    ++scope.count.dead_items;
    ++state.dead_items;
    state.dead_bytes += each.json.size();
  }
  queue.changed = true;
}

caf::expected<reply> apply(commit_scope& scope, const replay& what) {
  auto state = find_service(scope, what.service);
  if (!state)
    return state.error();
  auto found = find_letters(scope, what.service, what.txn_id, replay_bytes_max);
  erase_letters(scope, what.service, *state, found);
  enqueue(scope, what.service, *state, found);
  if (!found.letters.empty() || !found.rotten.empty())
    put_service(scope.txn, what.service, std::move(*state));
  return moved{found.letters.size(), found.more};
}

caf::expected<reply> apply(commit_scope& scope, const drop& what) {
  auto state = find_service(scope, what.service);
  if (!state)
    return state.error();
  if (what.txn_id.empty())
    return moved{};
  auto found = find_letters(scope, what.service, what.txn_id, UINT64_MAX);
  erase_letters(scope, what.service, *state, found);
  if (!found.letters.empty() || !found.rotten.empty())
    put_service(scope.txn, what.service, std::move(*state));
  return moved{found.letters.size(), found.more};
}

caf::expected<dead_page>
read_dead_letters(transaction& txn, const dead_query& what, rot_log& rot) {
  dead_page page;
  std::uint64_t bytes = 0;
  walker walk{txn, table::dead};
  auto from = dead_key(what.service, what.after + 1);
  for (auto more = walk.seek(from); more; more = walk.step()) {
    if (load_big_endian<service_no>(walk.key()) != what.service)
      break;
    auto number = load_big_endian<std::uint64_t>(walk.key().substr(4));
    auto letter = decode_dead(walk.key(), walk.value());
    if (!letter) {
      rot.tell(name_of_dead(number),
               "store " + txn.env().directory().string() + ": "
                 + name_of_dead(number)
                 + " does not match its checksum; check the disk");
      continue;
    }
    bytes += what.with_json ? letter->json.size() : 0;
    if (!page.letters.empty()
        && (page.letters.size() >= what.max || bytes > what.max_bytes)) {
      page.more = true;
      break;
    }
    dead_letter result;
    result.number = number;
    result.service = what.service;
    result.kind = static_cast<item_kind>(letter->fixed.kind);
    result.txn_id = letter->txn_id;
    result.reason = letter->reason;
    result.set_aside = time_of(letter->fixed.set_aside);
    result.received = time_of(letter->fixed.received);
    result.size = letter->json.size();
    if (what.with_json)
      result.json = letter->json;
    page.letters.push_back(std::move(result));
  }
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  return page;
}

} // namespace posthorn::storage::lmdb
