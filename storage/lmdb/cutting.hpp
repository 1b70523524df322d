// SPDX-License-Identifier: Apache-2.0
// Transactions: cut from the head of a queue, and rendered.
#pragma once

#include "storage/lmdb/commit_scope.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace posthorn::storage::lmdb {

/// A service whose queue is worked on: `state` is stored by the caller where
/// `changed`.
struct open_queue {
  service_no service = 0;
  service_state state;
  bool changed = false;
};

/// Moves the head to `end`: what lies before, `bytes` of items, is done. It is
/// deleted, and its batch records are given free, not each time but when it is
/// some transactions or a mebibyte, or the queue is empty, or room is scarce:
/// deleting touches half of the pages that a commit writes, and many neighbours
/// cost no more than one.
void consume(commit_scope& scope, open_queue& queue, const queue_place& end,
             std::uint64_t bytes);

/// Deletes what is done.
void sweep(commit_scope& scope, open_queue& queue);

/// Opens a transaction with items from the head of the queue, or leaves none
/// open where nothing waits. There must be none open. Items that the service
/// cannot be sent and rotten records leave the queue here.
void cut(commit_scope& scope, open_queue& queue, const cut_limits& limits);

/// An item of the open transaction.
struct open_item {
  item_kind kind = item_kind::event;
  /// When it, or one that was copied together with it, was taken in.
  std::int64_t received = 0;
  std::string json;
};

/// Copies of the open transaction's items, in order. None, as of render_open(),
/// when a record of it turned out rotten.
std::optional<std::vector<open_item>> items_of_open(commit_scope& scope,
                                                    open_queue& queue);

/// The open transaction as it is sent; the same bytes each time. Null when a
/// record of it turned out rotten: the transaction is then closed without
/// having been delivered, the rotten record is out of the queue, and the rest
/// is there to be cut anew.
outbound_ptr render_open(commit_scope& scope, open_queue& queue);

} // namespace posthorn::storage::lmdb
