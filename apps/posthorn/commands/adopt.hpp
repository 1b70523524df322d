// SPDX-License-Identifier: Apache-2.0
// `posthorn adopt`: the homeserver's copies of services' registrations.
#pragma once

#include "apps/posthorn/config/registration_file.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace posthorn {

/// Arguments of `posthorn adopt`.
struct adopt_options {
  /// The services' own registrations.
  std::vector<std::string> files;
  /// Where the homeserver reaches Posthorn, e.g. `http://posthorn:9009`.
  std::string url;
  /// Directory for the copies; made when it does not exist.
  std::string out = "homeserver-registrations";
  /// Judges namespaces' regular expressions.
  pattern_check pattern;
};

/// Writes `OUT/<id>.yaml` for each file (named by the id, since most bridges
/// call theirs registration.yaml): the file's bytes with the value of `url`
/// replaced by `URL/as/<id>`, mode 0600. All copies are written or none: any
/// file that is not a valid registration, has no url, points to Posthorn
/// already, or whose copy exists, is refused on `err`. Answers the exit code,
/// 0 or 1.
int run_adopt(const adopt_options& options, std::ostream& out,
              std::ostream& err);

} // namespace posthorn
