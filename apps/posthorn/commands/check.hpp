// SPDX-License-Identifier: Apache-2.0
// `posthorn check`: is the configuration fit to run?
#pragma once

#include "apps/posthorn/config/config.hpp"

#include <iosfwd>
#include <string>

namespace posthorn {

/// Arguments of `posthorn check`.
struct check_options {
  /// posthorn.yaml.
  std::string config = "posthorn.yaml";
  /// Flags of `posthorn node` to check along with the file.
  overrides flags;
  /// Judges namespaces' regular expressions.
  pattern_check pattern;
  /// Writes one JSON object (`services`, and lists `errors` and `warnings` of
  /// objects with `file`, `line`, `field`, `text`) instead of lines.
  bool json = false;
};

/// Writes every error and warning of every file to `out`, a line each
/// (`file:line: field: text`; warnings as `file:line: field: warning: text`),
/// then `N services, M errors, K warnings`. Answers the exit code: 1 on any
/// error, else 0. Writes nothing to `err`.
int run_check(const check_options& options, std::ostream& out,
              std::ostream& err);

} // namespace posthorn
