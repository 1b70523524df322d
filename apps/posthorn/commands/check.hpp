// SPDX-License-Identifier: Apache-2.0
// `posthorn check`: is the configuration fit to run?
#pragma once

#include "apps/posthorn/commands/namespace_review.hpp"
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
  /// Says which of them are slow; null: none.
  slow_check slow;
  /// Also asks each service whether it is there; see probe().
  bool probe = false;
  /// Writes one JSON object (`services`, and lists `errors` and `warnings` of
  /// objects with `file`, `line`, `field`, `text`; with `probe` a list `probes`
  /// of objects with `id`, `url`, `result`, `status`, `milliseconds`, `detail`)
  /// instead of lines.
  bool json = false;
};

/// Writes every error and warning of every file to `out`, a line each
/// (`file:line: field: text`; warnings as `file:line: field: warning: text`),
/// then `N services, M errors, K warnings`; with `probe` a line for each
/// service that could be loaded before that. What review_namespaces() finds are
/// warnings. Answers the exit code: 1 on any error or when a probe found a
/// service unreachable or refusing its token, else 0. Writes to `err` only that
/// probing was not possible at all.
int run_check(const check_options& options, std::ostream& out,
              std::ostream& err);

} // namespace posthorn
