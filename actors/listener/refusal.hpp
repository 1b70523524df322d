// SPDX-License-Identifier: Apache-2.0
// A request that does not reach the handler, and what its client is told.
#pragma once

#include "actors/listener/listener_limits.hpp"

#include <string>

namespace posthorn::inbound {

/// Why a request was refused; the connection is closed after it.
struct refusal {
  refusal_reason reason = refusal_reason::malformed;
  /// HTTP status.
  int status = 400;
  /// One sentence for the client's log.
  std::string error;
};

/// The whole answer: a Matrix error (errcode and error), `Connection: close`,
/// and `Retry-After` on 503.
std::string answer_to(const refusal& what);

} // namespace posthorn::inbound
