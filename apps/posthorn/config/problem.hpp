// SPDX-License-Identifier: Apache-2.0
// What is wrong in a configuration, and where.
#pragma once

#include <iosfwd>
#include <string>

namespace posthorn {

/// One error or warning about a configuration or registration file. Holds no
/// token: texts name the kind of a wrong value, never a secret's content.
struct problem {
  /// Path as the operator wrote it or as a glob found it; "command line" for a
  /// flag.
  std::string file;
  /// Counted from 1; 0 where the whole file is meant.
  unsigned line = 0;
  /// Dotted path of the key, e.g. `namespaces.users[0].regex`; may be empty.
  std::string field;
  /// What is wrong and what to do about it.
  std::string text;
};

/// `file:line: field: text`, without the parts that are empty.
std::string to_string(const problem& what);

/// Writes to_string(), for messages and failed tests.
std::ostream& operator<<(std::ostream& out, const problem& what);

} // namespace posthorn
