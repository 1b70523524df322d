// SPDX-License-Identifier: Apache-2.0
// Dead letters: written when a transaction is set aside, sent again, dropped.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/lmdb/cutting.hpp"
#include "storage/store.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn::storage::lmdb {

/// A dead letter where it lies. Valid until the next write or the end
/// of its transaction.
struct dead_view {
  dead_fixed fixed;
  std::string_view txn_id;
  std::string_view reason;
  std::string_view json;
};

/// Reads a record of the table dead. None when it does not match its checksum.
std::optional<dead_view> decode_dead(std::string_view key,
                                     std::string_view bytes);

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
