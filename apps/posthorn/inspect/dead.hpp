// SPDX-License-Identifier: Apache-2.0
// `posthorn dead`: what services refused for good.
#pragma once

#include "apps/posthorn/inspect/admin_client.hpp"

#include <ostream>
#include <string>

namespace posthorn {

/// `posthorn dead list [ID]`: how many dead letters each service has, or those
/// of one, a line each. Returns the exit code, as the other one.
int run_dead_list(const admin_target& target, const std::string& id, bool json,
                  std::ostream& out, std::ostream& err);

/// `posthorn dead skip|replay|drop ID [TXN]`; `verb` is that word.
int run_dead_order(const admin_target& target, const std::string& verb,
                   const std::string& id, const std::string& txn_id, bool json,
                   std::ostream& out, std::ostream& err);

} // namespace posthorn
