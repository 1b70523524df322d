// SPDX-License-Identifier: Apache-2.0
// Dead letters: written when a transaction is set aside, sent again, dropped.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/lmdb/cutting.hpp"
#include "storage/store.hpp"

#include <string>
#include <vector>

namespace posthorn::storage::lmdb {

caf::expected<reply> apply(commit_scope& scope, const replay& what);
caf::expected<reply> apply(commit_scope& scope, const drop& what);

/// Writes a dead letter for each item of the open transaction. The caller takes
/// them out of the queue and stores the service.
void put_dead_letters(commit_scope& scope, open_queue& queue,
                      const std::vector<open_item>& items, std::string reason);

/// Cuts a line for the operator to 500 bytes, not inside a character.
void shorten_line(std::string& line);

/// As store::dead_letters(). One that does not match its checksum is left out
/// and reported; the replay or drop that passes it sets it aside.
caf::expected<dead_page>
read_dead_letters(transaction& txn, const dead_query& what, rot_log& rot);

} // namespace posthorn::storage::lmdb
