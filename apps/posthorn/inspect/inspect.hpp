// SPDX-License-Identifier: Apache-2.0
// The subcommands that ask a running node.
#pragma once

#include "apps/posthorn/inspect/admin_client.hpp"

#include <ostream>
#include <string>

namespace posthorn {

/// `posthorn services [ID]`: all services as a table, or one in full. Returns
/// the exit code, as all below.
int run_services(const admin_target& target, const std::string& id, bool json,
                 std::ostream& out, std::ostream& err);

/// `posthorn retry|pause|resume ID`; `verb` is that word.
int run_order(const admin_target& target, const std::string& verb,
              const std::string& id, bool json, std::ostream& out,
              std::ostream& err);

/// `posthorn store stat`.
int run_store_stat(const admin_target& target, bool json, std::ostream& out,
                   std::ostream& err);

} // namespace posthorn
