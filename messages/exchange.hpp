// SPDX-License-Identifier: Apache-2.0
// One HTTP request to a service, and how it ended.
#pragma once

#include "messages/tenure.hpp"
#include "messages/transaction.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace posthorn {

/// A request for the courier to make.
struct exchange {
  /// "PUT", "POST" or "GET".
  std::string method = "PUT";
  /// Base URL of the service: http://, https:// or unix:/path/of/socket.
  std::string base;
  /// Path and query below the base, percent-encoded, starting with a slash.
  std::string target;
  /// Sent as `Authorization: Bearer`.
  std::string bearer;
  /// Sent as application/json when not empty. Shares the outbound's bytes.
  std::shared_ptr<const std::string> body;
  std::chrono::milliseconds connect_timeout{15'000};
  /// From start to the last byte of the answer's body.
  std::chrono::milliseconds timeout{60'000};
  /// Larger answers end the exchange as broken, in bytes.
  std::size_t answer_max = std::size_t{1} << 20;
  /// Until when it may begin; null: at any time.
  std::shared_ptr<const session_deadline> until;

  /// Whether it is too late to begin.
  bool late() const {
    return until && until->over();
  }
};

using exchange_ptr = std::shared_ptr<const exchange>;

/// How an exchange ended.
struct answer {
  outcome what = outcome::unreachable;
  /// Nothing was sent, because it was too late to begin (exchange::until).
  bool withheld = false;
  /// HTTP status, or 0 where none came.
  std::uint16_t status = 0;
  /// The answer's body, at most exchange::answer_max bytes.
  std::string body;
  /// How long the service asked to be left alone: `Retry-After` (seconds or a
  /// date), or `retry_after_ms` of a Matrix error; at most 24 h.
  std::optional<std::chrono::milliseconds> retry_after;
  /// One line for the operator: the status, or what went wrong. Holds no token.
  std::string detail;
  std::chrono::microseconds took{0};
};

using answer_ptr = std::shared_ptr<const answer>;

} // namespace posthorn
