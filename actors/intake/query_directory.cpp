// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/query_directory.hpp"

#include <algorithm>

namespace posthorn {

caf::expected<std::shared_ptr<query_directory>>
query_directory::make(const std::string& server_name,
                      const service_list& services) {
  std::shared_ptr<query_directory> result{new query_directory{server_name}};
  for (const auto& config : services) {
    if (!config->registration.url)
      continue;
    const auto index = static_cast<service_no>(result->services_.size());
    auto exclusive = config->registration;
    std::erase_if(exclusive.users,
                  [](const auto& entry) { return !entry.exclusive; });
    exclusive.aliases.clear();
    exclusive.rooms.clear();
    if (auto why = result->all_.add(index, config->registration))
      return why;
    if (auto why = result->exclusive_.add(index, exclusive))
      return why;
    result->services_.push_back(config);
  }
  result->all_.build();
  result->exclusive_.build();
  return result;
}

query_directory::service_list
query_directory::for_user(std::string_view user_id) {
  std::lock_guard guard{mutex_};
  return pick(all_.users_of(user_id));
}

query_directory::service_list
query_directory::for_alias(std::string_view alias) {
  std::lock_guard guard{mutex_};
  return pick(all_.aliases_of(alias));
}

service_config_ptr query_directory::exclusive_for(std::string_view user_id) {
  std::lock_guard guard{mutex_};
  const auto& found = exclusive_.users_of(user_id);
  return found.empty() ? nullptr : services_[found.front()];
}

query_directory::service_list
query_directory::for_protocol(std::string_view protocol) const {
  service_list result;
  for (const auto& config : services_) {
    const auto& known = config->registration.protocols;
    if (std::find(known.begin(), known.end(), protocol) != known.end())
      result.push_back(config);
  }
  return result;
}

query_directory::service_list query_directory::with_protocols() const {
  service_list result;
  for (const auto& config : services_)
    if (!config->registration.protocols.empty())
      result.push_back(config);
  return result;
}

query_directory::service_list
query_directory::pick(const std::vector<service_no>& indexes) const {
  service_list result;
  for (const auto index : indexes)
    result.push_back(services_[index]);
  return result;
}

} // namespace posthorn
