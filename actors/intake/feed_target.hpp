// SPDX-License-Identifier: Apache-2.0
// A feed request's target, taken apart.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace posthorn {

/// A request's path below the feed.
struct feed_target {
  /// The service's id; none on the catch-all feed.
  std::optional<std::string> service;
  /// Decoded, e.g. {"_matrix", "app", "v1", "transactions", "17"}.
  std::vector<std::string> segments;
  /// As it came, without `/as/{id}` and without the `access_token` parameter.
  std::string passed_on;
};

/// Takes `/as/{id}/...` or `/...` apart. Nothing when an escape is broken or
/// the target does not begin with a slash.
std::optional<feed_target> parse_feed_target(const std::string& target);

/// The transaction id of a transactions target, by v1 or by the legacy path;
/// null for any other. Points into `target`.
const std::string* transaction_id(const feed_target& target);

/// The segments of a query from its kind on, e.g. {"users", "@a:b"}: users,
/// rooms, third-party networks and ping (v1, and the older forms that
/// homeservers still use), and keys (MSC3983, MSC3984). Empty when homeservers
/// ask services nothing on that path.
std::vector<std::string> query_of(const feed_target& target);

/// Whether a query, as query_of() gives it, is a ping.
bool is_ping(const std::vector<std::string>& query);

} // namespace posthorn
