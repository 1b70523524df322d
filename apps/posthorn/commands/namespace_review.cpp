// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/commands/namespace_review.hpp"

#include <map>
#include <utility>

namespace posthorn {

namespace {

/// One service's entries in one namespace.
void review(const registration& what, const std::string& name,
            const std::vector<namespace_entry>& entries, const slow_check& slow,
            std::map<std::string, const registration*>& owners,
            std::vector<problem>& to) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& [regex, exclusive] = entries[i];
    const auto field = "namespaces." + name + "[" + std::to_string(i) + "]";
    if (slow && slow(regex))
      to.push_back(
        {what.file, 0, field + ".regex",
         "\"" + regex + "\" is matched by backtracking, the slow way"});
    if (!exclusive)
      continue;
    const auto [known, first] = owners.emplace(regex, &what);
    if (!first && known->second != &what)
      to.push_back({what.file, 0, field,
                    "\"" + regex + "\" is exclusive to service '"
                      + known->second->id + "' too (" + known->second->file
                      + ")"});
  }
}

} // namespace

std::vector<problem>
review_namespaces(const std::vector<service_config_ptr>& services,
                  const slow_check& slow) {
  std::vector<problem> result;
  std::map<std::string, const registration*> users;
  std::map<std::string, const registration*> aliases;
  std::map<std::string, const registration*> rooms;
  for (const auto& service : services) {
    const auto& what = service->registration;
    review(what, "users", what.users, slow, users, result);
    review(what, "aliases", what.aliases, slow, aliases, result);
    review(what, "rooms", what.rooms, slow, rooms, result);
  }
  return result;
}

} // namespace posthorn
