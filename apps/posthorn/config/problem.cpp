// SPDX-License-Identifier: Apache-2.0
// The one line that an operator reads about a problem.
#include "apps/posthorn/config/problem.hpp"

#include <ostream>

namespace posthorn {

std::string to_string(const problem& what) {
  std::string result = what.file;
  if (what.line > 0)
    result += ":" + std::to_string(what.line);
  if (!result.empty())
    result += ": ";
  if (!what.field.empty())
    result += what.field + ": ";
  return result + what.text;
}

std::ostream& operator<<(std::ostream& out, const problem& what) {
  return out << to_string(what);
}

} // namespace posthorn
