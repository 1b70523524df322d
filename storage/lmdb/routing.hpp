// SPDX-License-Identifier: Apache-2.0
// Routing: from the pool into the queues.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/store.hpp"

namespace posthorn::storage::lmdb {

caf::expected<reply> apply(commit_scope& scope, const route& what);

} // namespace posthorn::storage::lmdb
