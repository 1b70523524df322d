// SPDX-License-Identifier: Apache-2.0
// How an exchange ended, in an operator's words.
#pragma once

#include "messages/exchange.hpp"

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace posthorn {

/// What is known of an exchange once libcurl has given it back.
struct ending {
  CURLcode code = CURLE_OK;
  /// HTTP status of the last status line, or 0.
  long status = 0;
  /// errno of the last failed connect(), or 0.
  long connect_errno = 0;
  /// Whether there was a connection, TLS included, to send on.
  bool connected = false;
  /// Whether the peer's name was known.
  bool resolved = false;
  /// Whether the answer or its headers went over their limit.
  bool answer_too_large = false;
  bool headers_too_large = false;
  /// libcurl's own words; they hold no header of ours.
  std::string_view words;
};

/// Sets `what`, `status` and `detail` of `result`.
void judge(const exchange& sent, const ending& how, answer& result);

/// An answer to an exchange that never came as far as libcurl, or was taken
/// back from it.
answer_ptr local_answer(outcome what, std::string detail,
                        std::chrono::steady_clock::time_point since);

/// An answer to an exchange that it was too late to begin.
answer_ptr withheld_answer(std::chrono::steady_clock::time_point since);

/// A base URL as it may be shown: without user name and password, without
/// control characters, at most 200 bytes.
std::string shown_base(std::string_view base);

/// A timeout as it may be shown: "60s", "200ms".
std::string shown(std::chrono::milliseconds span);

/// A number of bytes as it may be shown: "1 MiB", "500 bytes".
std::string shown_size(std::uint64_t bytes);

} // namespace posthorn
