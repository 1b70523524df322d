// SPDX-License-Identifier: Apache-2.0
// Decides which services an event of the catch-all feed is for.
#pragma once

#include "messages/batch.hpp"
#include "messages/room_state.hpp"
#include "messages/transaction.hpp"
#include "storage/store.hpp"

#include <caf/error.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace posthorn {

/// Which services want an id for what it is called: `users` those that have a
/// user in their namespace or as their bot, `rooms` and `aliases` those that
/// have a room id or an alias in theirs. Answers are distinct and ascending,
/// and good until the next question.
struct name_interest {
  using question
    = std::function<const std::vector<service_no>&(std::string_view)>;

  question users;
  question rooms;
  question aliases;
};

/// How a room_interest is set up.
struct room_interest_options {
  /// The homeserver's name: only its users make a room interesting by being in
  /// it, and only its aliases by naming it.
  std::string server_name;
  /// Of the rooms that are remembered, in pairs of a room and a service that is
  /// interested in it (of 8 bytes), with 32 for each room's own upkeep.
  std::size_t weight_max = std::size_t{16} << 20;
};

/// For whom events are, by the rule of Synapse: an event is for a service that
/// wants its sender, the user whose membership it changes, its room's id, one
/// of its room's local aliases, or a local user who is joined to the room.
/// Joined users and aliases are the store's, changed by all events so far, also
/// by those whose changes are not stored yet, and by the event itself.
///
/// What rooms have come to is remembered, so that an event costs some look-ups,
/// however many services there are; a room that is not remembered is read from
/// the store once. Not for several threads.
class room_interest {
public:
  room_interest(name_interest names, std::shared_ptr<const storage::store> from,
                room_interest_options options);

  /// Takes in what the event changes, and appends the services that it is for:
  /// distinct, ascending. Errors: the store's; then the page must be given up.
  caf::error decide(const event_fields& event, std::vector<service_no>& to);

  /// What the events since the last stored() or given_up() have changed, to be
  /// stored: for each user in a room, and each room's aliases, what holds now.
  room_changes changes() const;

  /// What changes() answered is in the store.
  void stored();

  /// It is not and will not be: as if those events had not been.
  void given_up();

  /// Somebody else has changed these in the store.
  void forget(const room_changes& changed);

  /// Anything may have changed in the store. Not between decide() and stored()
  /// or given_up().
  void forget_all();

  /// How many rooms are remembered.
  std::size_t remembered() const {
    return young_.size() + old_.size();
  }

private:
  struct member_count {
    service_no service = 0;
    /// Joined local users that the service wants.
    std::uint32_t users = 0;
  };

  /// What a room has come to.
  struct room {
    /// Because of its id, because of an alias: ascending.
    std::vector<service_no> by_id;
    std::vector<service_no> by_alias;
    /// Ascending by service.
    std::vector<member_count> by_member;

    std::size_t weight() const {
      return 32 + by_id.size() + by_alias.size() + by_member.size();
    }

    /// One user more (1) or fewer (-1) that these services want. Answers false
    /// where there were none.
    bool count(const std::vector<service_no>& services, int by);
  };

  /// What is not in the store yet.
  struct pending_room {
    std::map<std::string, bool, std::less<>> members;
    bool has_aliases = false;
    std::vector<std::string> aliases;
  };

  caf::error note_membership(const event_fields& event);
  void note_aliases(const event_fields& event);

  /// The room, remembered or read.
  caf::expected<room*> find(const std::string& room_id);
  room* remembered_room(const std::string& room_id);
  caf::expected<room> read(const std::string& room_id);
  std::vector<service_no> wanting(const std::vector<std::string>& aliases);
  room& remember(const std::string& room_id, room what);
  void forget(const std::string& room_id);

  name_interest names_;
  std::shared_ptr<const storage::store> store_;
  room_interest_options options_;
  std::unordered_map<std::string, pending_room> pending_;
  /// What is asked for moves to the young half; when that is full, it becomes
  /// the old one, and what that held is forgotten.
  std::unordered_map<std::string, room> young_;
  std::unordered_map<std::string, room> old_;
  std::size_t young_weight_ = 0;
};

} // namespace posthorn
