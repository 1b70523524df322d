// SPDX-License-Identifier: Apache-2.0
// Leases: who may write what.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/store.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace posthorn::storage::lmdb {

caf::expected<reply> apply(commit_scope& scope, const take_lease& what);
caf::expected<reply> apply(commit_scope& scope, const give_lease& what);

/// A lease's record; epoch 0 where there never was one. Errors: store_corrupt.
caf::expected<lease_state> find_lease(transaction& txn, std::string_view name);

/// Whether somebody holds the lease right now, by this host's lease clock.
bool is_held(const lease_state& lease, const lmdb_options& options);

/// None when `epoch` is that of the lease and it was not given back. A lease
/// that has run out still stands until somebody else takes it. Else fenced, or
/// store_corrupt.
caf::error check_lease(transaction& txn, std::string_view name,
                       posthorn::epoch epoch);

} // namespace posthorn::storage::lmdb
