// SPDX-License-Identifier: Apache-2.0
// The pool: batches in the order in which they came in.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/store.hpp"

namespace posthorn::storage::lmdb {

caf::expected<reply> apply(commit_scope& scope, const append& what);

/// As store::peek(). A rotten batch is left out and reported; the routing that
/// passes it sets it aside.
caf::expected<pool_page> read_page(transaction& txn, std::uint64_t from,
                                   const page_limits& limits, rot_log& rot);

} // namespace posthorn::storage::lmdb
