// SPDX-License-Identifier: Apache-2.0
// What is allowed in namespaces and yet worth knowing.
#pragma once

#include "apps/posthorn/config/problem.hpp"
#include "messages/registration.hpp"

#include <functional>
#include <string>
#include <vector>

namespace posthorn {

/// Whether a regular expression is matched by backtracking, the slow way.
using slow_check = std::function<bool(const std::string& pattern)>;

/// Warnings about the services' namespaces, in their order:
/// - a pattern that takes the slow way. It costs the sorter some microseconds
///   for each new user, alias or room, where others cost next to nothing;
/// - an exclusive entry whose text is that of another service's in the same
///   namespace: neither owns what it says to own. Patterns that differ and yet
///   overlap are not found.
/// A null `slow` finds no pattern slow.
std::vector<problem>
review_namespaces(const std::vector<service_config_ptr>& services,
                  const slow_check& slow);

} // namespace posthorn
