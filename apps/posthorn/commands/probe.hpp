// SPDX-License-Identifier: Apache-2.0
// Asks services whether they are there and take their token.
#pragma once

#include "messages/registration.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace posthorn {

/// What a service makes of a ping.
enum class probe_result : std::uint8_t {
  /// A 2xx.
  answers,
  /// 401 or 403: it has another hs_token.
  token_refused,
  /// 404 or 405: it has no ping endpoint, as many have not; alive all the same.
  no_ping,
  /// Any other status.
  other_status,
  /// No whole answer came.
  unreachable,
  /// `url: null`: not asked.
  no_url,
};

/// The name of a result as `check --json` shows it, e.g. "token_refused".
const char* to_string(probe_result what);

struct probed {
  std::string id;
  /// Empty for `url: null`.
  std::string url;
  probe_result result = probe_result::no_url;
  /// HTTP status, or 0.
  std::uint16_t status = 0;
  std::chrono::microseconds took{0};
  /// One line; holds no token.
  std::string detail;

  /// Whether events could not be delivered to it.
  bool failed() const {
    return result == probe_result::token_refused
           || result == probe_result::unreachable;
  }
};

/// How long a service may take to answer.
inline constexpr std::chrono::milliseconds probe_timeout{10'000};

/// Sends each service a ping with its hs_token (Application Service API,
/// "Pinging"), `probes_max` at a time, and waits for all. The answers are in
/// the services' order. Errors: those of http_client::open().
caf::expected<std::vector<probed>>
probe(const std::vector<service_config_ptr>& services);

/// Requests of probe() that are open at once.
inline constexpr std::size_t probes_max = 64;

/// A line for the operator, without newline: `irc: answers in 12 ms`.
std::string to_string(const probed& what);

} // namespace posthorn
