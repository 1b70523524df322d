// SPDX-License-Identifier: Apache-2.0
// The request line and headers of a request, read in exactly one way.
#pragma once

#include "actors/listener/listener_limits.hpp"
#include "actors/listener/refusal.hpp"

#include <httplib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace posthorn::inbound {

/// What stands before a request's body.
struct request_head {
  std::string method;
  /// Origin form, as it came.
  std::string target;
  /// Without those that concern this connection only or are not offered:
  /// Connection, Keep-Alive, Transfer-Encoding, Expect, Range, Accept-Encoding.
  httplib::Headers headers;
  /// Whether the client wants the connection to stay open.
  bool keep_alive = true;
  bool expects_continue = false;
  bool chunked = false;
  /// Of the body that follows; 0 with `chunked`.
  std::uint64_t content_length = 0;
};

/// A complete request.
struct request {
  request_head head;
  std::string body;
};

/// Reads a head: lines that each end in CRLF, the empty one included. Refused
/// is all that two readers may read differently (RFC 9112, sections 2.2, 3, 5
/// and 6, and 11.2 on smuggling): line folding, white space before a colon,
/// control characters, two lengths, a length and a transfer coding, any coding
/// but `chunked`; and what is not offered: content encodings, methods unknown
/// to Matrix, HTTP other than 1.0 and 1.1, a body over the limit.
std::variant<request_head, refusal> read_head(std::string_view lines,
                                              const listener_limits& limits);

} // namespace posthorn::inbound
