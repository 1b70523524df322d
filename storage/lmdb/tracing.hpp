// SPDX-License-Identifier: Apache-2.0
// Looks for an event through everything that holds items.
#pragma once

#include "messages/event_trace.hpp"
#include "storage/event_id.hpp"
#include "storage/lmdb/environment.hpp"
#include "storage/lmdb/records.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn::storage::lmdb {

/// A look in key order, in pieces, so that no read transaction is long: the
/// batch records first, which have the events; then the queues, which say whose
/// they are; then the dead letters. That is the way that events take, so one
/// that moves on meanwhile is met again. Each record is read once, however many
/// services wait for it.
class event_search {
public:
  explicit event_search(trace_query what);

  /// Goes on in `txn` for a while. Answers whether there is more to do. Errors:
  /// store_failed.
  caf::expected<bool> step(transaction& txn);

  /// What was found, once step() answers false.
  event_trace take() &&;

private:
  enum class phase { pool, parcels, queues, dead, done };

  /// Visits records of a table from `next_` on, until the step or the phase is
  /// over. `visit(key, value)`.
  template <class Visit>
  void walk(transaction& txn, table where, Visit visit);
  void enter(phase next);
  /// Whether so many places were found that no more are noted.
  bool is_full();

  void look_at_batch(transaction& txn, table where, std::string_view key,
                     std::string_view bytes);
  void look_at_entry(transaction& txn, std::string_view key,
                     std::string_view bytes);
  void look_at_dead(std::string_view key, std::string_view bytes);

  trace_query what_;
  std::chrono::steady_clock::time_point begin_;
  event_trace found_;
  event_id_reader reader_;
  phase phase_ = phase::pool;
  /// The key to go on at.
  std::string next_;
  /// Bytes that this step may still look at.
  std::uint64_t budget_ = 0;
  /// By batch record, which of its items are the event.
  std::map<record_no, std::vector<std::uint32_t>> holders_;
  /// The queue that is looked at: its service (read anew in each step), and how
  /// many items have been passed.
  service_no service_ = 0;
  std::optional<service_state> state_;
  std::uint64_t passed_ = 0;
};

} // namespace posthorn::storage::lmdb
