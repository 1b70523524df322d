// SPDX-License-Identifier: Apache-2.0
// The access token of a request: where it stands, and whether it is the right
// one.
#pragma once

#include <httplib.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthorn {

/// SHA-256 of a token: made once for each token, so that comparing takes the
/// same time whatever was presented.
struct token_digest {
  std::array<std::uint8_t, 32> bytes{};

  bool operator==(const token_digest&) const = default;
};

/// Digests a token.
token_digest digest_of(std::string_view token);

/// Whether `presented` is the token that `expected` was made from. Takes a time
/// that says nothing about either.
bool matches(const token_digest& expected, std::string_view presented);

/// A request refused for its token, as the Matrix spec answers it.
struct token_refusal {
  /// HTTP status.
  int status = 401;
  std::string errcode;
  std::string error;
};

/// The access token that a request presents.
struct presented_token {
  /// Only without a refusal.
  std::string token;
  std::optional<token_refusal> refusal;
};

/// Reads the token from `Authorization: Bearer ...` (Application Service API,
/// "Authorization", since v1.4) or from the legacy query parameter
/// `access_token`. Homeservers send both: then all must be the same. No token,
/// or an Authorization header of another scheme: 401 M_MISSING_TOKEN; tokens
/// that differ: 403 M_FORBIDDEN.
presented_token token_of(const httplib::Request& request);

/// The password of `Authorization: Basic ...` (RFC 7617). Nothing for other
/// schemes, and where it is no base64 or has no colon.
std::optional<std::string> basic_password(const httplib::Request& request);

/// Checks the token of `request` against `expected`. Nothing when it is right;
/// a wrong one is 403 M_FORBIDDEN.
std::optional<token_refusal> check_token(const httplib::Request& request,
                                         const token_digest& expected);

} // namespace posthorn
