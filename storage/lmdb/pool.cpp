// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/pool.hpp"

#include "storage/lmdb/dedupe.hpp"

namespace posthorn::storage::lmdb {

namespace {

/// Bytes of the items' JSON, or none when a slice is not inside the body.
std::optional<std::uint64_t> json_bytes(const batch& what) {
  std::uint64_t result = 0;
  for (auto& item : what.items) {
    if (std::uint64_t{item.json.offset} + item.json.size > what.body.size())
      return std::nullopt;
    result += item.json.size;
  }
  return result;
}

/// Why the batch cannot be taken, or none.
std::optional<caf::error> check_room(commit_scope& scope, std::uint64_t size) {
  auto& env = scope.txn.env();
  if (size > batch_record_max)
    return fault(ec::too_large, "a transaction of " + std::to_string(size)
                                  + " bytes is too large for the store");
  auto taken = footprint(size, env.page_bytes());
  if (scope.count.used_bytes + taken > scope.options.max_store)
    return fault(ec::store_full,
                 "store " + env.directory().string() + ": holds "
                   + std::to_string(scope.count.used_bytes) + " of "
                   + std::to_string(scope.options.max_store)
                   + " bytes (limits.max_store); it takes no new events until "
                     "some are delivered");
  return env.lacks_room(scope.txn, scope.written + taken);
}

pool_entry entry_of(std::uint64_t position, const batch_view& view) {
  pool_entry result;
  result.position = position;
  result.feed = view.feed();
  result.kinds.reserve(view.items());
  result.sizes.reserve(view.items());
  for (std::uint32_t i = 0; i < view.items(); ++i) {
    result.kinds.push_back(view.kind(i));
    result.sizes.push_back(view.size(i));
    if (view.kind(i) == item_kind::event)
      continue;
    result.json.resize(view.items());
    result.json[i] = view.run(i, 1);
  }
  if (result.feed.empty()) {
    result.fields = view.fields();
    result.fields.resize(view.items());
  }
  return result;
}

} // namespace

caf::expected<reply> apply(commit_scope& scope, const append& what) {
  auto& batch = *what.what;
  if (was_taken(scope, batch))
    return receipt{0, true};
  auto json = json_bytes(batch);
  if (!json)
    return fault(ec::bad_json, "transaction " + batch.txn_id
                                 + ": an item lies outside of its body");
  auto fields = encode_fields(batch);
  auto size = batch_record_size(batch.items.size(), batch.feed.size(),
                                fields.size(), *json);
  auto no_room = check_room(scope, size);
  scope.scarce = no_room.has_value();
  if (no_room)
    return *no_room;
  auto& count = scope.count;
  auto position = count.next_position;
  auto at
    = scope.txn.reserve(table::pool, number_key(position), size, MDB_APPEND);
  if (at == nullptr)
    return caf::error{};
  batch_fixed fixed;
  fixed.items = static_cast<std::uint32_t>(batch.items.size());
  fixed.received = micros_of(batch.received);
  batch_writer writer{at, size, fixed, batch.feed, fields};
  for (auto& item : batch.items)
    writer.add(item.kind, item.json.of(batch.body));
  writer.finish(position);
  ++count.next_position;
  ++count.pool_batches;
  auto taken = footprint(size, scope.txn.env().page_bytes());
  count.used_bytes += taken;
  scope.written += taken;
  remember(scope, batch);
  return receipt{position, false};
}

caf::expected<pool_page> read_page(transaction& txn, std::uint64_t from,
                                   const page_limits& limits, rot_log& rot) {
  pool_page page;
  page.next = from;
  std::size_t items = 0;
  std::size_t bytes = 0;
  walker walk{txn, table::pool};
  for (auto more = walk.seek(number_key(from + 1)); more; more = walk.step()) {
    auto position = load_big_endian<std::uint64_t>(walk.key());
    auto view = batch_view::verify(position, walk.value());
    if (!view) {
      rot.tell(name_of(position),
               "store " + txn.env().directory().string() + ": "
                 + name_of(position)
                 + " does not match its checksum; it is not delivered, and "
                   "will be kept in the table rotten; check the disk");
      page.next = position;
      continue;
    }
    items += view->items();
    bytes += walk.value().size();
    if (!page.entries.empty()
        && (items > limits.max_items || bytes > limits.max_bytes)) {
      page.full = true;
      break;
    }
    page.entries.push_back(entry_of(position, *view));
    page.next = position;
  }
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  return page;
}

} // namespace posthorn::storage::lmdb
