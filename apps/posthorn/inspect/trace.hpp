// SPDX-License-Identifier: Apache-2.0
// `posthorn trace`: where an event is.
#pragma once

#include "apps/posthorn/inspect/admin_client.hpp"

#include <nlohmann/json.hpp>

#include <ostream>
#include <string>

namespace posthorn {

/// Prints where the node that is asked knows the event to be. Returns the exit
/// code: 1 also when it is nowhere known.
int run_trace(const admin_target& target, const std::string& event_id,
              bool json, std::ostream& out, std::ostream& err);

/// The table for such an answer of the admin API; ages are from `now`, in
/// seconds since 1970.
void print_trace(const nlohmann::json& answer, double now, std::ostream& out);

} // namespace posthorn
