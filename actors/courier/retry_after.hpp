// SPDX-License-Identifier: Apache-2.0
// How long a service asks us to wait, in the three forms it may say it.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace posthorn {

/// No wait that a service asks for is taken to be longer than this.
constexpr std::chrono::milliseconds retry_after_max = std::chrono::hours{24};

/// Reads the value of a `Retry-After` header (RFC 9110, 10.2.3): a number of
/// seconds, or an HTTP-date, which is counted from `now` and is 0 when past.
/// Nothing when it is neither.
std::optional<std::chrono::milliseconds>
parse_retry_after(std::string_view value,
                  std::chrono::system_clock::time_point now);

/// Reads `retry_after_ms` out of the body of a 429 (Matrix client-server API,
/// "Rate limiting"). Nothing when the body is not a JSON object with a number
/// of that name, or larger than 64 KiB.
std::optional<std::chrono::milliseconds>
parse_retry_after_ms(std::string_view body);

} // namespace posthorn
