// SPDX-License-Identifier: Apache-2.0
// The base URL of a service.
#pragma once

#include "messages/errors.hpp"

#include <caf/expected.hpp>

#include <string>
#include <string_view>

namespace posthorn {

/// Checks a registration's `url` and answers it without trailing slashes (as
/// Synapse strips them) and with its scheme in lower case. Taken are
/// `http://host[:port][/path]`, https likewise, and `unix:/path` (also
/// `unix:///path`). Refused is what would fail with every request: empty text,
/// other schemes, no host, a bad port, a user name, `?`, `#`, white space,
/// anything that is not ASCII. Errors: bad_config, whose text continues "url".
caf::expected<std::string> parse_service_url(std::string_view text);

/// A checked http or https URL's host (without brackets) and port.
struct url_host {
  std::string host;
  /// Empty where the URL has none.
  std::string port;
};

/// Takes a URL that parse_service_url() answered apart; empty host for unix.
url_host host_of(std::string_view url);

} // namespace posthorn
