// SPDX-License-Identifier: Apache-2.0
// Rooms: which users are joined, and the local aliases.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/store.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn::storage::lmdb {

caf::expected<reply> apply(commit_scope& scope, const learn& what);

/// Stores what a routing says about rooms. What is known already is not
/// written again.
void store_changes(commit_scope& scope, const room_changes& what);

/// As store::joined(), store::rooms_of(), store::is_joined() and
/// store::aliases().
caf::error read_joined(transaction& txn, std::string_view room_id,
                       const std::function<void(std::string_view)>& each,
                       rot_log& rot);
caf::error read_rooms_of(transaction& txn, std::string_view user_id,
                         const std::function<bool(std::string_view)>& each,
                         rot_log& rot);
caf::expected<bool> read_is_joined(transaction& txn, std::string_view room_id,
                                   std::string_view user_id, rot_log& rot);
caf::expected<std::vector<std::string>>
read_aliases(transaction& txn, std::string_view room_id, rot_log& rot);

} // namespace posthorn::storage::lmdb
