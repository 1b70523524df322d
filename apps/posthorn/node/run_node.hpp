// SPDX-License-Identifier: Apache-2.0
// `posthorn node`.
#pragma once

#include "apps/posthorn/config/config.hpp"

#include <string>

namespace posthorn {

struct node_options {
  std::string config_file;
  overrides flags;
  /// spdlog's name of a level: debug, info, warning, error.
  std::string log_level = "info";
};

/// Runs a node until SIGTERM or SIGINT. SIGHUP reloads the registrations (a
/// broken set is reported and the old one kept), SIGUSR1 logs the actor dump.
/// Returns the exit code: 0 after a stop, 1 when it could not start.
int run_node(const node_options& options);

} // namespace posthorn
