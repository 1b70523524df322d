// SPDX-License-Identifier: Apache-2.0
// The status page: what the admin API knows, for a browser.
#pragma once

#include "actors/intake/credentials.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace posthorn {

/// What the page says beside the dump.
struct status_facts {
  std::string node;
  std::string version;
  double uptime_seconds = 0;
  /// Why the node takes no transactions; none when it does.
  std::optional<std::string> not_ready;
  double store_used_bytes = 0;
  double store_capacity_bytes = 0;
  /// Why the store's use is not known; then the two are 0.
  std::string store_problem;
};

/// Text that may stand in HTML, also in a quoted attribute. Control characters
/// are shown as U+FFFD: what services answer is in it.
std::string escape_html(std::string_view text);

/// The whole page. `dump` is what /admin/v1/actors answers. No scripts and
/// nothing from elsewhere; loads itself again every five seconds.
std::string status_page(const status_facts& facts, const nlohmann::json& dump);

/// Answers with a page and the headers that keep a browser from doing anything
/// else with it.
void set_page(httplib::Response& response, std::string html);

/// Whether the request may see the page: the admin token as a bearer token, as
/// everywhere, or as the password of HTTP Basic, since browsers send nothing
/// else (any user name; the page changes nothing, and no other endpoint takes
/// it). If not, the response is the refusal: 401 which has a browser ask for
/// the password, or 403 for a wrong bearer token.
bool may_see_page(const httplib::Request& request, const token_digest& expected,
                  httplib::Response& response);

} // namespace posthorn
