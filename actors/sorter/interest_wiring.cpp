// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/interest_wiring.hpp"

#include "actors/sorter/namespaces.hpp"

#include <algorithm>
#include <utility>

namespace posthorn {

namespace {

/// Whether anything is sent to a service.
bool has_url(const listed_service& service) {
  return service.config && service.config->registration.url;
}

/// Whether a service is registered for something that is told of users it
/// shares a room with: presence, device lists.
bool is_told_of_users(const registration& what) {
  return what.receive_ephemeral || what.push_ephemeral || what.device_lists;
}

} // namespace

caf::error add_interest(directory& to, const std::string& server_name,
                        std::shared_ptr<const storage::store> store) {
  auto matcher = std::make_shared<interest>(server_name);
  for (const auto& service : to.services)
    if (has_url(service))
      if (auto why = matcher->add(service.number, service.config->registration))
        return why;
  matcher->build();
  name_interest names;
  names.users = [matcher](std::string_view user) -> const auto& {
    return matcher->users_of(user);
  };
  names.rooms = [matcher](std::string_view room) -> const auto& {
    return matcher->rooms_of(room);
  };
  names.aliases = [matcher](std::string_view alias) -> const auto& {
    return matcher->aliases_of(alias);
  };
  room_interest_options options;
  options.server_name = server_name;
  for (const auto& service : to.services)
    if (has_url(service) && is_told_of_users(service.config->registration))
      options.told.push_back(service.number);
  std::sort(options.told.begin(), options.told.end());
  to.rooms = std::make_shared<room_interest>(std::move(names), std::move(store),
                                             std::move(options));
  to.parts.users
    = [matcher](const std::string& id, std::vector<service_no>& found) {
        const auto& services = matcher->users_of(id);
        found.insert(found.end(), services.begin(), services.end());
        return caf::error{};
      };
  to.parts.rooms = [rooms = to.rooms](const std::string& id,
                                      std::vector<service_no>& found) {
    return rooms->wanting_room(id, found);
  };
  to.parts.sharing = [rooms = to.rooms](const std::string& id,
                                        std::vector<service_no>& found) {
    return rooms->sharing(id, found);
  };
  to.match_limits = [matcher] { return matcher->gave_up(); };
  return {};
}

} // namespace posthorn
