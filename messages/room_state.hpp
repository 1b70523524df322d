// SPDX-License-Identifier: Apache-2.0
// What the sorter knows about rooms: who is joined, and under which aliases of
// this homeserver they are known.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// The Matrix spec's bound on user ids, room ids and aliases (appendices,
/// "Common Identifier Format"), in bytes. Nothing is kept about a longer one:
/// homeservers refuse it.
inline constexpr std::size_t matrix_id_max = 255;

/// Whether something can be kept about a room or user of that id.
inline bool can_be_kept(std::string_view id) {
  return !id.empty() && id.size() <= matrix_id_max;
}

/// Whether a user id or alias belongs to the homeserver `server_name`: what
/// follows its first colon is that name, to the letter (Synapse, `is_mine_id`).
inline bool is_local(std::string_view id, std::string_view server_name) {
  const auto colon = id.find(':');
  return colon != std::string_view::npos && id.substr(colon + 1) == server_name;
}

/// Those of a room's aliases that belong to `server_name` and can be kept, each
/// once, ascending.
inline std::vector<std::string> local_aliases(std::vector<std::string> all,
                                              std::string_view server_name) {
  const auto other = [&](const std::string& each) {
    return !can_be_kept(each) || !is_local(each, server_name);
  };
  all.erase(std::remove_if(all.begin(), all.end(), other), all.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

/// A user is joined to a room from now on, or no longer is.
struct membership_change {
  std::string room_id;
  std::string user_id;
  bool joined = false;
  /// Whether the user is of this homeserver. Others count where it is asked
  /// which rooms a user is in, and never where it is asked who is in a room.
  bool local = true;
};

/// From now on a room's local aliases are these and no others.
struct alias_change {
  std::string room_id;
  std::vector<std::string> aliases;
};

/// Changes in the order in which they hold: of two that concern the same thing
/// the later one counts.
struct room_changes {
  std::vector<membership_change> memberships;
  std::vector<alias_change> aliases;

  bool empty() const {
    return memberships.empty() && aliases.empty();
  }
};

using room_changes_ptr = std::shared_ptr<const room_changes>;

} // namespace posthorn
