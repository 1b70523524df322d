// SPDX-License-Identifier: Apache-2.0
// Queues: what happens to a service's head.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/store.hpp"

namespace posthorn::storage::lmdb {

caf::expected<reply> apply(commit_scope& scope, const next& what);
caf::expected<reply> apply(commit_scope& scope, const complete& what);
caf::expected<reply> apply(commit_scope& scope, const fail& what);
caf::expected<reply> apply(commit_scope& scope, const recut& what);
caf::expected<reply> apply(commit_scope& scope, const storage::set_aside& what);

} // namespace posthorn::storage::lmdb
