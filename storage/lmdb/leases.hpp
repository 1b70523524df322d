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

/// As store::leases().
caf::expected<lease_list> read_leases(transaction& txn, session_book& sessions,
                                      std::uint64_t known);

/// A lease's record; epoch 0 where there never was one. Errors: store_corrupt.
caf::expected<lease_state> find_lease(transaction& txn, std::string_view name);

/// Whether somebody holds the lease right now.
bool is_held(const lease_state& lease, session_book& sessions);

/// The lease, when `epoch` is its own and it was not given back. One whose
/// session is over still stands until somebody else takes it: what its holder
/// has begun may be finished. Errors: fenced, store_corrupt.
caf::expected<lease_state> check_lease(transaction& txn, std::string_view name,
                                       posthorn::epoch epoch);

} // namespace posthorn::storage::lmdb
