// SPDX-License-Identifier: Apache-2.0
// What a reload did, or why it did nothing.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace posthorn {

/// One error or warning about a file; line 0 and an empty field where they are
/// not known.
struct reload_finding {
  std::string file;
  unsigned line = 0;
  std::string field;
  std::string text;
};

/// With an error nothing has changed: the old set of services runs on.
struct reload_report {
  /// Of all files.
  std::vector<reload_finding> errors;
  std::vector<reload_finding> warnings;
  /// Services that are configured now.
  std::size_t services = 0;
  /// Those that were not sent to before, and are now.
  std::size_t started = 0;
  /// Those that are no longer sent to; their queues are kept.
  std::size_t stopped = 0;
};

} // namespace posthorn
