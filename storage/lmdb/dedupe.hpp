// SPDX-License-Identifier: Apache-2.0
// Which feed transactions were taken before.
#pragma once

#include "messages/batch.hpp"
#include "storage/lmdb/commit_scope.hpp"

namespace posthorn::storage::lmdb {

/// Whether this feed transaction was taken within the last
/// lmdb_options::dedupe_age and is still remembered.
bool was_taken(commit_scope& scope, const batch& what);

/// Remembers it, and forgets a few of those that are too many or too old.
void remember(commit_scope& scope, const batch& what);

} // namespace posthorn::storage::lmdb
