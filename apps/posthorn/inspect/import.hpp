// SPDX-License-Identifier: Apache-2.0
// `posthorn import`: what was true of rooms before Posthorn was there.
#pragma once

#include "apps/posthorn/inspect/admin_client.hpp"

#include <cstdint>
#include <ostream>
#include <string>

namespace posthorn {

/// What to import.
struct import_options {
  /// Newline-delimited JSON, as actors/admin/room_lines.hpp describes it; `-`
  /// is standard input.
  std::string file;
  /// Lines before this one (from 1) are skipped: to go on after an import that
  /// ended early.
  std::uint64_t from_line = 1;
};

/// Sends the file to the node in pieces of whole lines, each stored before the
/// next is sent; progress goes to `err`. Bad lines are named there and the rest
/// goes on. Returns the exit code: 1 if a line was bad, or if the node did not
/// take a piece; then it says from which line on to go on. A line may have
/// import_body_max bytes.
int run_import(const admin_target& target, const import_options& options,
               bool json, std::ostream& out, std::ostream& err);

} // namespace posthorn
