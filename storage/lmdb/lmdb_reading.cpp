// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/calls.hpp"
#include "storage/lmdb/dead_letters.hpp"
#include "storage/lmdb/leases.hpp"
#include "storage/lmdb/mapped_store.hpp"
#include "storage/lmdb/pool.hpp"
#include "storage/lmdb/queues.hpp"
#include "storage/lmdb/rooms.hpp"
#include "storage/lmdb/routing.hpp"
#include "storage/lmdb/services.hpp"
#include "storage/lmdb/sessions.hpp"
#include "storage/lmdb/tracing.hpp"

#include <mutex>

namespace posthorn::storage::lmdb {

caf::error mapped_store::not_open() const {
  return fault(ec::store_failed,
               "store " + options_.directory.string()
                 + ": a write failed half way and the store could not be "
                   "opened anew; it is tried again with the next write");
}

template <class Answer>
Answer mapped_store::read(const std::function<Answer(reading&)>& what) const {
  std::shared_lock together{env_guard_};
  if (!env_)
    return not_open();
  reading txn{*env_};
  return what(txn);
}

caf::expected<pool_page> mapped_store::peek(std::uint64_t from,
                                            const page_limits& limits) const {
  return read<caf::expected<pool_page>>(
    [&](reading& txn) { return read_page(txn, from, limits, rot_); });
}

caf::expected<std::uint64_t> mapped_store::cursor() const {
  using answer = caf::expected<std::uint64_t>;
  return read<answer>([](reading& txn) -> answer {
    auto count = read_counters(txn);
    if (!count)
      return count.error();
    return count->cursor;
  });
}

caf::expected<std::vector<service_row>> mapped_store::services() const {
  return read<caf::expected<std::vector<service_row>>>([&](reading& txn) {
    session_book sessions{txn, options_, *nodes_};
    return read_services(txn, sessions, rot_);
  });
}

caf::error
mapped_store::joined(std::string_view room_id,
                     const std::function<void(std::string_view)>& each) const {
  return read<caf::error>(
    [&](reading& txn) { return read_joined(txn, room_id, each, rot_); });
}

caf::error mapped_store::rooms_of(
  std::string_view user_id,
  const std::function<bool(std::string_view)>& each) const {
  return read<caf::error>(
    [&](reading& txn) { return read_rooms_of(txn, user_id, each, rot_); });
}

caf::expected<bool> mapped_store::is_joined(std::string_view room_id,
                                            std::string_view user_id) const {
  return read<caf::expected<bool>>(
    [&](reading& txn) { return read_is_joined(txn, room_id, user_id, rot_); });
}

caf::expected<std::vector<std::string>>
mapped_store::aliases(std::string_view room_id) const {
  return read<caf::expected<std::vector<std::string>>>(
    [&](reading& txn) { return read_aliases(txn, room_id, rot_); });
}

caf::expected<dead_page>
mapped_store::dead_letters(const dead_query& what) const {
  return read<caf::expected<dead_page>>(
    [&](reading& txn) { return read_dead_letters(txn, what, rot_); });
}

caf::expected<store_stat> mapped_store::stat() const {
  return read<caf::expected<store_stat>>(
    [&](reading& txn) { return read_stat(txn); });
}

caf::expected<store_stat> mapped_store::read_stat(reading& txn) const {
  auto count = read_counters(txn);
  if (!count)
    return count.error();
  auto bytes = txn.get(table::meta, "identity");
  auto identity = bytes
                    ? decode<identity_record>(table::meta, "identity", *bytes)
                    : std::nullopt;
  if (!identity)
    return rotten_fault(*env_, "\"identity\" of table meta");
  store_stat result;
  result.id.assign(identity->id.data(), identity->id.size());
  result.used_bytes = count->used_bytes;
  result.capacity_bytes = options_.max_store;
  result.pool_batches = count->pool_batches;
  result.sorter_cursor = count->cursor;
  result.corrupt_records = count->corrupt_records;
  result.dead_items = count->dead_items;
  return result;
}

caf::expected<std::vector<node_row>> mapped_store::nodes() const {
  return read<caf::expected<std::vector<node_row>>>([&](reading& txn) {
    session_book sessions{txn, options_, *nodes_};
    return read_nodes(txn, sessions, options_);
  });
}

caf::expected<lease_list> mapped_store::leases(std::uint64_t known) const {
  return read<caf::expected<lease_list>>([&](reading& txn) {
    session_book sessions{txn, options_, *nodes_};
    return read_leases(txn, sessions, known);
  });
}

caf::expected<bool> mapped_store::is_called(session_no session) const {
  return read<caf::expected<bool>>([&](reading& txn) -> caf::expected<bool> {
    auto called = read_is_called(txn, session);
    if (txn.failure() != 0)
      return env_->failure(txn.failure(), "cannot read");
    return called;
  });
}

caf::expected<event_trace> mapped_store::trace(const trace_query& what) const {
  event_search search{what};
  for (;;) {
    const auto more = read<caf::expected<bool>>(
      [&search](reading& txn) { return search.step(txn); });
    if (!more)
      return more.error();
    if (!*more)
      return std::move(search).take();
  }
}

std::string mapped_store::unblock() {
  return writer_->end_stopped_holder();
}

} // namespace posthorn::storage::lmdb
