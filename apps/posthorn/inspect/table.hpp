// SPDX-License-Identifier: Apache-2.0
// Plain text tables.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace posthorn {

/// Rows under a heading, columns as wide as their widest cell. Cells that begin
/// with a digit stand to the right. Control characters are shown as `?`: what
/// services answer must not steer a terminal.
class table {
public:
  explicit table(std::vector<std::string> heading);

  /// Must have as many cells as the heading.
  void add(std::vector<std::string> row);

  void print(std::ostream& out) const;

private:
  std::vector<std::vector<std::string>> rows_;
};

/// "1.5s", "3m20s", "2h05m", "4d03h"; "-" for a negative span.
std::string show_span(double seconds);

/// "580 B", "1.2 KiB", "3.4 GiB".
std::string show_bytes(double bytes);

} // namespace posthorn
