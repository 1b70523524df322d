// SPDX-License-Identifier: Apache-2.0
// Changes the url of a registration file and not one other byte.
#pragma once

#include "apps/posthorn/config/yaml_document.hpp"
#include "messages/errors.hpp"

#include <caf/expected.hpp>

#include <string>

namespace posthorn {

/// The text of `document`, a valid registration with a url, with that url's
/// value replaced by `url`. Comments, order, line ends and the value's own
/// quoting stay, except that an unquoted value gets double quotes where the new
/// one needs them. The result is parsed again: everything but the url must be
/// as before. Errors: bad_config when the url cannot be replaced by itself (it
/// is an alias, or an alias names it, or it goes over several lines).
caf::expected<std::string> with_url(const yaml_document& document,
                                    const std::string& url);

} // namespace posthorn
