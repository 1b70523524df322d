// SPDX-License-Identifier: Apache-2.0
// Asks a running node.
#pragma once

#include <caf/expected.hpp>
#include <nlohmann/json.hpp>

#include <ostream>
#include <string>

namespace posthorn {

/// Where the admin API is, as the flags say.
struct admin_target {
  /// `-c FILE`: address and token are read from it.
  std::string config_file;
  /// `--admin URL`: http://host:port or unix:/path; the token is then that of
  /// the environment variable POSTHORN_ADMIN_TOKEN.
  std::string url;
  /// With a url: the token, where it is not that of the environment.
  std::string token = {};
};

/// What a node answered, whatever that was.
struct admin_answer {
  int status = 0;
  std::string body;
};

/// The target with the URL and the token that it means. Errors: bad_config (no
/// address known, or a broken file).
caf::expected<admin_target> resolve(const admin_target& target);

/// Makes one request, with `body` if that is not empty. Errors: bad_config,
/// bad_address (nobody answers there).
caf::expected<admin_answer> call_admin(const admin_target& target,
                                       const std::string& method,
                                       const std::string& path,
                                       const std::string& body = {});

/// The JSON of an answer. Errors: bad_address (it is none).
caf::expected<nlohmann::json> json_of(const admin_answer& answer);

/// The error for an answer that is not 200: its text, under unknown_service for
/// a 404 and else bad_address.
caf::error refusal_of(const admin_target& target, const admin_answer& answer);

/// Tells why a command ends; returns its exit code.
int refuse(std::ostream& err, const caf::error& why);

/// As call_admin(), for the text of an answer that is 200; the errors are also
/// those of refusal_of().
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
