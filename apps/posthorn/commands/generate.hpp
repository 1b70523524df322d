// SPDX-License-Identifier: Apache-2.0
// `posthorn generate`: a first configuration that works.
#pragma once

#include <iosfwd>
#include <string>

namespace posthorn {

/// Arguments of `posthorn generate`.
struct generate_options {
  /// The homeserver's name, e.g. `example.org`.
  std::string server_name;
  /// Where the homeserver reaches Posthorn, e.g. `http://posthorn:9009`.
  std::string url;
  /// Where to write; made when it does not exist.
  std::string dir = ".";
};

/// Writes posthorn.yaml and posthorn-registration.yaml (mode 0600, tokens of
/// 256 random bits) and makes the directory registrations/. Where either file
/// exists it is named on `err` and nothing is written. Answers the exit code, 0
/// or 1.
int run_generate(const generate_options& options, std::ostream& out,
                 std::ostream& err);

} // namespace posthorn
