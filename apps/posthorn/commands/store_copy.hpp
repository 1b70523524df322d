// SPDX-License-Identifier: Apache-2.0
// `posthorn store backup DIR` and `posthorn store compact DIR`.
#pragma once

#include "apps/posthorn/config/config.hpp"

#include <iosfwd>
#include <string>

namespace posthorn {

/// Arguments of both.
struct store_copy_options {
  /// posthorn.yaml, for its `store`.
  std::string config = "posthorn.yaml";
  /// As `--store` of `posthorn node`.
  overrides flags;
  /// Where to: empty or not there.
  std::string to;
  /// Leave out the pages that nothing uses.
  bool compact = false;
  bool json = false;
};

/// Copies the store, also while nodes run on it, and says what was copied
/// (`store`, `to`, `id`, `bytes_before`, `bytes` in JSON). Works on the host
/// that has the store; no node is asked. Answers the exit code.
int run_store_copy(const store_copy_options& options, std::ostream& out,
                   std::ostream& err);

} // namespace posthorn
