// SPDX-License-Identifier: Apache-2.0
// What is asked of a service's owner, who may be another process.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/store.hpp"

#include <string>

namespace posthorn::storage::lmdb {

caf::expected<reply> apply(commit_scope& scope, const call& what);
caf::expected<reply> apply(commit_scope& scope, const take_calls& what);

/// Notes for the holder of a service's lease that `kind` was asked, a skip of
/// `transaction`. A lease that nobody holds has nobody to ask.
void ring(commit_scope& scope, service_no service, const lease_state& owner,
          call_kind kind, std::uint32_t transaction = 0);

/// Rings a service's owner because something was queued, unless it is the
/// session `mine`: then answers the epoch of the lease, else 0.
epoch wake_owner(commit_scope& scope, service_no service, const std::string& id,
                 session_no mine);

/// Deletes what was asked in sessions that are over.
void forget_calls(commit_scope& scope);

/// As store::is_called().
bool read_is_called(transaction& txn, session_no session);

} // namespace posthorn::storage::lmdb
