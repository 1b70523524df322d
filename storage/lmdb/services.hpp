// SPDX-License-Identifier: Apache-2.0
// Services: their numbers and states.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/store.hpp"

#include <vector>

namespace posthorn::storage::lmdb {

caf::expected<reply> apply(commit_scope& scope, const enroll& what);
caf::expected<reply> apply(commit_scope& scope, const set_paused& what);

/// The state of a service. Errors: unknown_service, store_corrupt.
caf::expected<service_state> find_service(transaction& txn, service_no service);

/// The state of a service for whoever holds its lease. Errors also: fenced.
caf::expected<service_state> find_claimed(commit_scope& scope, claim who);

/// The id of a service's open or last transaction; empty before the first.
std::string transaction_id(const service_state& state);

/// As store::services().
caf::expected<std::vector<service_row>> read_services(transaction& txn,
                                                      session_book& sessions);

} // namespace posthorn::storage::lmdb
