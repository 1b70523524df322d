// SPDX-License-Identifier: Apache-2.0
// Which services a query on the catch-all feed is for.
#pragma once

#include "actors/sorter/namespaces.hpp"
#include "messages/registration.hpp"

#include <caf/expected.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// The services that can be asked. Its answers are in the order of the
/// registrations. Thread-safe; replaced whole by a reload.
class query_directory {
public:
  using service_list = std::vector<service_config_ptr>;

  /// `services` in the order of the registrations; those without url are never
  /// asked. Errors: bad_config for a pattern that cannot be compiled.
  static caf::expected<std::shared_ptr<query_directory>>
  make(const std::string& server_name, const service_list& services);

  /// Services whose `users` or bot `user_id` is.
  service_list for_user(std::string_view user_id);

  /// Services whose `aliases` match.
  service_list for_alias(std::string_view alias);

  /// The first service that alone may speak for `user_id`: its bot, or in its
  /// exclusive `users` (MSC3983, MSC3984). Null where there is none.
  service_config_ptr exclusive_for(std::string_view user_id);

  /// Services that bridge to that third-party protocol.
  service_list for_protocol(std::string_view protocol) const;

  /// Services that bridge to any.
  service_list with_protocols() const;

private:
  explicit query_directory(const std::string& server_name)
    : all_{server_name}, exclusive_{server_name} {}

  service_list pick(const std::vector<service_no>& indexes) const;

  service_list services_;
  /// The matchers cache what they find and number services by their place in
  /// `services_`.
  std::mutex mutex_;
  interest all_;
  interest exclusive_;
};

} // namespace posthorn
