// SPDX-License-Identifier: Apache-2.0
// A service whose record is rotten: what can be said of it from other tables.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/store.hpp"

#include <optional>
#include <string>

namespace posthorn::storage::lmdb {

/// The state of a service as its queue and its dead letters tell it: everything
/// that waits, nothing open, and paused, since what was delivered of the oldest
/// entry is not known and would be sent again. None where no intact record of
/// `names` has its number.
std::optional<service_state> rebuilt_service(transaction& txn,
                                             service_no service);

/// Moves the rotten record of a service to the table rotten and stores a
/// rebuilt one, so that what comes for it can be queued and the others go on.
/// Errors: store_corrupt where its id is not known either.
caf::expected<service_state> repair_service(commit_scope& scope,
                                            service_no service);

} // namespace posthorn::storage::lmdb
