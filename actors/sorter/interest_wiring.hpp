// SPDX-License-Identifier: Apache-2.0
// Gives a directory what decides on the catch-all feed.
#pragma once

#include "actors/sorter/directory.hpp"
#include "storage/store.hpp"

#include <caf/error.hpp>

#include <memory>
#include <string>

namespace posthorn {

/// Fills in `rooms`, `parts` and `match_limits` of a directory that has all its
/// services, by the registrations of those that have a url. `server_name` is
/// the homeserver's. Errors: bad_config, naming file, field and pattern, where
/// a pattern cannot be compiled.
caf::error add_interest(directory& to, const std::string& server_name,
                        std::shared_ptr<const storage::store> store);

} // namespace posthorn
