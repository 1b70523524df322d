// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/room_interest.hpp"

#include <algorithm>
#include <utility>

namespace posthorn {

namespace {

void append(std::vector<service_no>& to, const std::vector<service_no>& what) {
  to.insert(to.end(), what.begin(), what.end());
}

void make_ascending(std::vector<service_no>& what) {
  std::sort(what.begin(), what.end());
  what.erase(std::unique(what.begin(), what.end()), what.end());
}

} // namespace

room_interest::room_interest(name_interest names,
                             std::shared_ptr<const storage::store> from,
                             room_interest_options options)
  : names_{std::move(names)}, store_{std::move(from)}, options_{
                                                         std::move(options)} {}

caf::error room_interest::decide(const event_fields& event,
                                 std::vector<service_no>& to) {
  const bool is_member = event.has_state_key && event.type == "m.room.member";
  if (is_member)
    if (auto why = note_membership(event))
      return why;
  if (event.has_state_key && event.state_key.empty()
      && event.type == "m.room.canonical_alias")
    note_aliases(event);
  const auto where = find(event.room_id);
  if (!where)
    return where.error();
  append(to, (*where)->by_id);
  append(to, (*where)->by_alias);
  for (const auto& one : (*where)->by_member)
    to.push_back(one.service);
  append(to, names_.users(event.sender));
  if (is_member)
    append(to, names_.users(event.state_key));
  make_ascending(to);
  return {};
}

caf::error room_interest::note_membership(const event_fields& event) {
  const auto& user = event.state_key;
  // Without a membership it is no event that a homeserver would take.
  if (event.membership.empty() || !can_be_kept(event.room_id)
      || !can_be_kept(user) || !is_local(user, options_.server_name))
    return {};
  const bool joined = event.membership == "join";
  auto* where = remembered_room(event.room_id);
  auto& members = pending_[event.room_id].members;
  const auto noted = members.find(user);
  const auto& services = names_.users(user);
  if (where != nullptr && !services.empty()) {
    caf::expected<bool> before = noted != members.end()
                                   ? caf::expected<bool>{noted->second}
                                   : store_->is_joined(event.room_id, user);
    if (!before)
      return before.error();
    // Who leaves was counted on joining, or when the room was read, unless a
    // record has rotten since.
    if (*before != joined && !where->count(services, joined ? 1 : -1))
      forget(event.room_id);
  }
  members.insert_or_assign(user, joined);
  return {};
}

void room_interest::note_aliases(const event_fields& event) {
  if (!can_be_kept(event.room_id))
    return;
  auto local = local_aliases(event.aliases, options_.server_name);
  if (auto* where = remembered_room(event.room_id))
    where->by_alias = wanting(local);
  auto& noted = pending_[event.room_id];
  noted.has_aliases = true;
  noted.aliases = std::move(local);
}

room_changes room_interest::changes() const {
  room_changes result;
  for (const auto& [room_id, noted] : pending_) {
    for (const auto& [user, joined] : noted.members)
      result.memberships.push_back({room_id, user, joined});
    if (noted.has_aliases)
      result.aliases.push_back({room_id, noted.aliases});
  }
  return result;
}

void room_interest::stored() {
  pending_.clear();
}

void room_interest::given_up() {
  for (const auto& entry : std::exchange(pending_, {}))
    forget(entry.first);
}

void room_interest::forget(const room_changes& changed) {
  for (const auto& each : changed.memberships)
    forget(each.room_id);
  for (const auto& each : changed.aliases)
    forget(each.room_id);
}

void room_interest::forget_all() {
  young_.clear();
  old_.clear();
  young_weight_ = 0;
}

// -- remembering --------------------------------------------------------------

bool room_interest::room::count(const std::vector<service_no>& services,
                                int by) {
  for (const auto service : services) {
    const auto at = std::lower_bound(
      by_member.begin(), by_member.end(), service,
      [](const member_count& x, service_no y) { return x.service < y; });
    const bool there = at != by_member.end() && at->service == service;
    if (by > 0 && there) {
      ++at->users;
    } else if (by > 0) {
      by_member.insert(at, {service, 1});
    } else if (!there) {
      return false;
    } else if (--at->users == 0) {
      by_member.erase(at);
    }
  }
  return true;
}

caf::expected<room_interest::room*>
room_interest::find(const std::string& room_id) {
  if (auto* known = remembered_room(room_id))
    return known;
  auto fresh = read(room_id);
  if (!fresh)
    return std::move(fresh.error());
  return &remember(room_id, std::move(*fresh));
}

room_interest::room*
room_interest::remembered_room(const std::string& room_id) {
  const auto young = young_.find(room_id);
  if (young != young_.end())
    return &young->second;
  const auto old = old_.find(room_id);
  if (old == old_.end())
    return nullptr;
  auto what = std::move(old->second);
  old_.erase(old);
  return &remember(room_id, std::move(what));
}

room_interest::room& room_interest::remember(const std::string& room_id,
                                             room what) {
  const auto weight = what.weight();
  if (young_weight_ > 0 && young_weight_ + weight > options_.weight_max / 2) {
    old_ = std::exchange(young_, {});
    young_weight_ = 0;
  }
  young_weight_ += weight;
  return young_[room_id] = std::move(what);
}

void room_interest::forget(const std::string& room_id) {
  young_.erase(room_id);
  old_.erase(room_id);
}

caf::expected<room_interest::room>
room_interest::read(const std::string& room_id) {
  room result;
  result.by_id = names_.rooms(room_id);
  const auto noted = pending_.find(room_id);
  const pending_room none;
  const auto& unstored = noted != pending_.end() ? noted->second : none;
  const auto failed = store_->joined(room_id, [&](std::string_view user) {
    if (is_local(user, options_.server_name)
        && unstored.members.find(user) == unstored.members.end())
      result.count(names_.users(user), 1);
  });
  if (failed)
    return failed;
  for (const auto& [user, joined] : unstored.members)
    if (joined)
      result.count(names_.users(user), 1);
  if (unstored.has_aliases) {
    result.by_alias = wanting(unstored.aliases);
    return result;
  }
  const auto aliases = store_->aliases(room_id);
  if (!aliases)
    return aliases.error();
  result.by_alias = wanting(*aliases);
  return result;
}

std::vector<service_no>
room_interest::wanting(const std::vector<std::string>& aliases) {
  std::vector<service_no> result;
  for (const auto& each : aliases)
    append(result, names_.aliases(each));
  make_ascending(result);
  return result;
}

} // namespace posthorn
