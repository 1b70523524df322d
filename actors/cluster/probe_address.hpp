// SPDX-License-Identifier: Apache-2.0
// Whether somebody listens, asked with a deadline.
#pragma once

#include "messages/errors.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace posthorn {

/// Connects to `host` (a name or an IP address) and closes the connection. No
/// error: somebody took it. Each address of the name gets `patience`; looking
/// the name up takes as long as the resolver does. Errors: bad_address.
caf::error probe_address(const std::string& host, std::uint16_t port,
                         std::chrono::milliseconds patience);

} // namespace posthorn
