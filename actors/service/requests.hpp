// SPDX-License-Identifier: Apache-2.0
// The requests that a service actor has the courier make.
#pragma once

#include "messages/exchange.hpp"
#include "messages/registration.hpp"
#include "messages/transaction.hpp"

#include <string>

namespace posthorn {

/// Which path transactions are PUT to (Application Service API, "Legacy
/// routes"): `/_matrix/app/v1/transactions/{txnId}`, or
/// `/transactions/{txnId}`, where the token goes into the query as well, since
/// services of that age look only there.
enum class path_style { v1, legacy };

/// Until when the node's session lets it send; null: without end.
using deadline_ptr = std::shared_ptr<const session_deadline>;

/// The request that delivers a transaction. Shares its bytes.
exchange_ptr delivery_of(const service_config& config, const outbound_ptr& what,
                         path_style style, deadline_ptr until);

/// A transaction with nothing in it, to see whether the service accepts
/// anything. Its id is made of the open one's and the number of the failed
/// attempt it follows, so that it is as new as that.
exchange_ptr probe_of(const service_config& config, const outbound& open,
                      std::uint32_t failures, path_style style,
                      deadline_ptr until);

/// Whether an answer from the v1 path is one to try the legacy path after: any
/// status that is not a success, as the specification has it, but those that
/// are about a token, a size or load and so come from who knows the path.
bool suggests_legacy(const answer& how);

} // namespace posthorn
