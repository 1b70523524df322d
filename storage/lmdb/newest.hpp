// SPDX-License-Identifier: Apache-2.0
// Queue entries that tell of a state: only the newest of each subject waits.
#pragma once

#include "storage/lmdb/cutting.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace posthorn::storage::lmdb {

/// Notes that the entry `sequence` is the newest of `subject`, and takes out of
/// the queue the one that was it before, unless that is part of the open
/// transaction: what was cut is frozen.
void supersede(commit_scope& scope, open_queue& queue, std::uint64_t subject,
               std::uint64_t sequence);

/// Takes an entry with a subject, which is not part of an open transaction, out
/// of the queue: it is not worth sending any more.
void withdraw(commit_scope& scope, open_queue& queue, std::uint64_t sequence,
              const queue_entry& entry);

/// An entry leaves the queue: forgets that it was the newest of its subject.
/// Nothing where it has none, or a newer one has come.
void forget_newest(commit_scope& scope, service_no service,
                   std::uint64_t sequence, const queue_entry& entry);

/// Writes a record of one item, and answers a queue entry for it; none where
/// the store failed.
std::optional<queue_entry> write_item(commit_scope& scope, item_kind kind,
                                      std::string_view json,
                                      std::int64_t received);

} // namespace posthorn::storage::lmdb
