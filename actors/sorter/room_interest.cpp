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

/// Of what sharing() has found, towards users_weight_max.
std::size_t weight_of(const std::vector<service_no>& found) {
  return 32 + found.size();
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
  if (auto why = wanting_room(event.room_id, to))
    return why;
  append(to, names_.users(event.sender));
  if (is_member)
    append(to, names_.users(event.state_key));
  make_ascending(to);
  return {};
}

caf::error room_interest::wanting_room(const std::string& room_id,
                                       std::vector<service_no>& to) {
  const auto where = find(room_id);
  if (!where)
    return where.error();
  (*where)->wanted_by(to);
  return {};
}

caf::error room_interest::note_membership(const event_fields& event) {
  const auto& user = event.state_key;
  // Without a membership it is no event that a homeserver would take.
  if (event.membership.empty() || !can_be_kept(event.room_id)
      || !can_be_kept(user))
    return {};
  const bool joined = event.membership == "join";
  if (is_local(user, options_.server_name)) {
    if (!names_.users(user).empty())
      if (auto why = count_member(event, joined))
        return why;
    pending_[event.room_id].members.insert_or_assign(user, joined);
  }
  pending_users_[user].insert_or_assign(event.room_id, joined);
  const auto known = shared_.find(user);
  if (known != shared_.end()) {
    shared_weight_ -= weight_of(known->second);
    shared_.erase(known);
  }
  return {};
}

caf::error room_interest::count_member(const event_fields& event, bool joined) {
  const auto where = find(event.room_id);
  if (!where)
    return where.error();
  const auto& members = pending_[event.room_id].members;
  const auto noted = members.find(event.state_key);
  const auto before = noted != members.end()
                        ? caf::expected<bool>{noted->second}
                        : store_->is_joined(event.room_id, event.state_key);
  if (!before)
    return before.error();
  if (*before == joined)
    return {};
  const auto services = (*where)->by_member.size();
  // Who leaves was counted on joining, or when the room was read, unless a
  // record has rotten since.
  if (!(*where)->count(names_.users(event.state_key), joined ? 1 : -1)) {
    forget(event.room_id);
    forget_shared();
  } else if ((*where)->by_member.size() != services) {
    forget_shared();
  }
  return {};
}

void room_interest::note_aliases(const event_fields& event) {
  if (!can_be_kept(event.room_id))
    return;
  auto local = local_aliases(event.aliases, options_.server_name);
  forget_shared();
  if (auto* where = remembered_room(event.room_id))
    where->by_alias = wanting(local);
  auto& noted = pending_[event.room_id];
  noted.has_aliases = true;
  noted.aliases = std::move(local);
}

room_changes room_interest::changes() const {
  room_changes result;
  for (const auto& [user, rooms] : pending_users_) {
    const bool local = is_local(user, options_.server_name);
    for (const auto& [room_id, joined] : rooms)
      result.memberships.push_back({room_id, user, joined, local});
  }
  for (const auto& [room_id, noted] : pending_)
    if (noted.has_aliases)
      result.aliases.push_back({room_id, noted.aliases});
  return result;
}

void room_interest::stored() {
  pending_.clear();
  pending_users_.clear();
}

void room_interest::given_up() {
  for (const auto& entry : std::exchange(pending_, {}))
    forget(entry.first);
  pending_users_.clear();
  forget_shared();
}

void room_interest::forget(const room_changes& changed) {
  forget_shared();
  for (const auto& each : changed.memberships)
    forget(each.room_id);
  for (const auto& each : changed.aliases)
    forget(each.room_id);
}

// -- sharing a room -----------------------------------------------------------

caf::error room_interest::sharing(const std::string& user_id,
                                  std::vector<service_no>& to) {
  if (options_.told.empty())
    return {};
  const auto known = shared_.find(user_id);
  if (known != shared_.end()) {
    append(to, known->second);
    return {};
  }
  // What is remembered first: it may suffice.
  std::vector<service_no> found;
  std::vector<std::string> unread;
  bool complete = false;
  auto failed = rooms_of(user_id, [&](const std::string& room_id) {
    if (const auto* where = remembered_room(room_id))
      complete = add_told(*where, found);
    else
      unread.push_back(room_id);
    return !complete;
  });
  if (failed)
    return failed;
  for (const auto& room_id : unread) {
    if (complete)
      break;
    const auto where = find(room_id);
    if (!where)
      return where.error();
    complete = add_told(**where, found);
  }
  append(to, found);
  shared_weight_ += weight_of(found);
  if (shared_weight_ > options_.users_weight_max)
    forget_shared();
  else
    shared_.emplace(user_id, std::move(found));
  return {};
}

caf::error
room_interest::rooms_of(const std::string& user_id,
                        const std::function<bool(const std::string&)>& each) {
  static const std::map<std::string, bool, std::less<>> none;
  const auto noted = pending_users_.find(user_id);
  const auto& unstored = noted != pending_users_.end() ? noted->second : none;
  for (const auto& [room_id, joined] : unstored)
    if (joined && !each(room_id))
      return {};
  return store_->rooms_of(user_id, [&](std::string_view room_id) {
    return unstored.find(room_id) != unstored.end()
           || each(std::string{room_id});
  });
}

bool room_interest::add_told(const room& what,
                             std::vector<service_no>& to) const {
  std::vector<service_no> all;
  what.wanted_by(all);
  for (const auto service : all) {
    const auto at = std::lower_bound(to.begin(), to.end(), service);
    if ((at == to.end() || *at != service)
        && std::binary_search(options_.told.begin(), options_.told.end(),
                              service))
      to.insert(at, service);
  }
  return to.size() == options_.told.size();
}

void room_interest::forget_shared() {
  shared_.clear();
  shared_weight_ = 0;
}

void room_interest::forget_all() {
  young_.clear();
  old_.clear();
  young_weight_ = 0;
  forget_shared();
}

// -- remembering --------------------------------------------------------------

void room_interest::room::wanted_by(std::vector<service_no>& to) const {
  append(to, by_id);
  append(to, by_alias);
  for (const auto& one : by_member)
    to.push_back(one.service);
}

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
