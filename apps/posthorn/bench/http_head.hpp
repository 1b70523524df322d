// SPDX-License-Identifier: Apache-2.0
// As much HTTP as two programs need that both send Content-Length.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace posthorn::bench {

/// A message's head.
struct http_head {
  /// The request line or the status line.
  std::string_view first_line;
  /// Bytes up to the body, and of the body.
  std::size_t head_bytes = 0;
  std::size_t body_bytes = 0;

  std::size_t all_bytes() const {
    return head_bytes + body_bytes;
  }
};

/// The head that `bytes` begin with; none while it is not whole. Without a
/// Content-Length the body is taken to be empty.
std::optional<http_head> scan_head(std::string_view bytes);

/// The last segment of a request line's path: the transaction's id.
std::string_view last_segment(std::string_view request_line);

/// The status of a status line, 0 where it is none.
int status_of(std::string_view status_line);

} // namespace posthorn::bench
