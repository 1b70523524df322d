// SPDX-License-Identifier: Apache-2.0
// Asks a running node.
#pragma once

#include <caf/expected.hpp>
#include <nlohmann/json.hpp>

#include <string>

namespace posthorn {

/// Where the admin API is, as the flags say.
struct admin_target {
  /// `-c FILE`: address and token are read from it.
  std::string config_file;
  /// `--admin URL`: http://host:port or unix:/path; the token is then that of
  /// the environment variable POSTHORN_ADMIN_TOKEN.
  std::string url;
};

/// Makes one request, with `body` if that is not empty, and returns the
/// answer's text. Errors: bad_config (no address known, or a broken file),
/// bad_address (nobody answers there), and for an error of the API its text,
/// under unknown_service for a 404.
caf::expected<std::string> ask_admin_text(const admin_target& target,
                                          const std::string& method,
                                          const std::string& path,
                                          const std::string& body = {});

/// The same for an answer that is JSON.
caf::expected<nlohmann::json> ask_admin(const admin_target& target,
                                        const std::string& method,
                                        const std::string& path,
                                        const std::string& body = {});

} // namespace posthorn
