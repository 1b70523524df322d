// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/namespaces.hpp"

#include "messages/errors.hpp"

#include <algorithm>

namespace posthorn {

namespace {

void append(std::vector<service_no>& to, const std::vector<service_no>& what) {
  to.insert(to.end(), what.begin(), what.end());
}

void make_distinct(std::vector<service_no>& what, std::ptrdiff_t from) {
  std::sort(what.begin() + from, what.end());
  what.erase(std::unique(what.begin() + from, what.end()), what.end());
}

} // namespace

std::optional<std::string> check_pattern(std::string_view pattern) {
  const auto compiled = compiled_pattern::make(pattern);
  if (compiled)
    return std::nullopt;
  return text_of(compiled.error());
}

engine engine_of(std::string_view pattern) {
  const auto compiled = compiled_pattern::make(pattern);
  return compiled ? compiled->by() : engine::pcre2;
}

interest::interest(std::string server_name)
  : server_name_{std::move(server_name)} {
  // nop
}

caf::error interest::add(service_no service, const registration& what) {
  if (auto failed = add(users_, "users", service, what, what.users))
    return failed;
  if (auto failed = add(aliases_, "aliases", service, what, what.aliases))
    return failed;
  if (auto failed = add(rooms_, "rooms", service, what, what.rooms))
    return failed;
  bots_.emplace("@" + what.sender_localpart + ":" + server_name_, service);
  return caf::none;
}

caf::error interest::add(space& to, const char* field, service_no service,
                         const registration& what,
                         const std::vector<namespace_entry>& entries) {
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (auto failed = to.patterns.add(entries[i].regex, service))
      return fault(ec::bad_config, what.file + ": namespaces." + field + "["
                                     + std::to_string(i) + "].regex: \""
                                     + entries[i].regex
                                     + "\": " + text_of(failed));
  return caf::none;
}

void interest::build() {
  users_.patterns.build();
  aliases_.patterns.build();
  rooms_.patterns.build();
}

const std::vector<service_no>& interest::users_of(std::string_view user_id) {
  if (const auto* known = users_.cache.find(user_id))
    return *known;
  std::vector<service_no> found;
  users_.patterns.match(user_id, found);
  const auto [first, last] = bots_.equal_range(std::string{user_id});
  for (auto bot = first; bot != last; ++bot)
    found.push_back(bot->second);
  make_distinct(found, 0);
  return users_.cache.keep(user_id, std::move(found));
}

const std::vector<service_no>& interest::rooms_of(std::string_view room_id) {
  if (const auto* known = rooms_.cache.find(room_id))
    return *known;
  std::vector<service_no> found;
  rooms_.patterns.match(room_id, found);
  return rooms_.cache.keep(room_id, std::move(found));
}

const std::vector<service_no>& interest::aliases_of(std::string_view alias) {
  if (const auto* known = aliases_.cache.find(alias))
    return *known;
  std::vector<service_no> found;
  aliases_.patterns.match(alias, found);
  return aliases_.cache.keep(alias, std::move(found));
}

void interest::decide(const event_fields& event, std::vector<service_no>& out) {
  const auto old = static_cast<std::ptrdiff_t>(out.size());
  append(out, users_of(event.sender));
  if (event.type == "m.room.member" && event.has_state_key)
    append(out, users_of(event.state_key));
  append(out, rooms_of(event.room_id));
  make_distinct(out, old);
}

std::uint64_t interest::gave_up() const {
  return users_.patterns.gave_up() + aliases_.patterns.gave_up()
         + rooms_.patterns.gave_up();
}

} // namespace posthorn
