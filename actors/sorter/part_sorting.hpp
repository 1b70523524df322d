// SPDX-License-Identifier: Apache-2.0
// Decides for whom the parts of a transaction that are not events are.
#pragma once

#include "actors/parts/part_reader.hpp"
#include "actors/sorter/directory.hpp"
#include "actors/sorter/parcels.hpp"
#include "messages/batch.hpp"

#include <caf/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// Sorts the parts of one page into parcels, by Synapse's rules
/// (docs/matrix.md has them with the proof of each).
///
/// What tells of a state that a newer word replaces gets a subject, so that
/// only the newest waits: ephemeral items by type, room and sender, receipts
/// one by one, device lists and key counts user by user. To-device messages
/// are all kept, like events.
class part_sorting {
public:
  /// How long typing is worth telling (Synapse lets it run out after that).
  static constexpr std::chrono::milliseconds typing_lifetime{30'000};

  /// `seed` makes subjects that no sender of items can foresee. What is given
  /// to a service is noted in `addressed`. All outlive this object.
  part_sorting(const directory& services, std::uint64_t seed,
               parcel_builder& parcels, std::set<service_no>& addressed);

  /// Item `index` of the catch-all feed, which is not an event. One that cannot
  /// be read goes nowhere and is logged; the intake lets none in. Errors: those
  /// of the directory's questions; then the page must be given up.
  caf::error add(const pool_entry& entry, std::uint32_t index);

  /// All items of an addressed feed's entry, events too. The homeserver has
  /// decided; only what is nobody's business is kept back: private receipts of
  /// users that are not the service's own, and ephemeral items for a service
  /// without the flag. Errors: as for add().
  caf::error add_addressed(const pool_entry& entry, service_no to);

private:
  /// The item in hand and, on an addressed feed, whom it is for.
  struct in_hand {
    const pool_entry& entry;
    std::uint32_t index = 0;
    std::optional<service_no> addressee;

    item_kind kind() const {
      return entry.kinds[index];
    }

    std::string_view json() const {
      return entry.json[index];
    }
  };

  using numbers = std::vector<service_no>;

  caf::error sort(const in_hand& what);
  caf::error sort_ephemeral(const in_hand& what);
  caf::error sort_receipts(const in_hand& what, const ephemeral_part& part,
                           const numbers& to);
  caf::error sort_to_device(const in_hand& what);
  caf::error sort_by_user(const in_hand& what);

  /// The services that an item about this room, or this user, is for: those
  /// that want it and have the flag for its kind; the addressee.
  caf::expected<numbers> for_room(const in_hand& what,
                                  const std::string& room_id);
  caf::expected<numbers> for_user(const in_hand& what,
                                  const std::string& user_id, bool sharing);

  /// Those that have the user as their own.
  caf::expected<numbers> owners_of(const std::string& user_id);

  /// Leaves those that are registered for items of a kind.
  void keep_registered(item_kind kind, numbers& to) const;

  std::uint64_t subject_of(const std::vector<std::string_view>& words) const;
  void give(const in_hand& what, const numbers& to, const freshness& fresh,
            const std::string& json);

  const directory& services_;
  std::uint64_t seed_;
  parcel_builder& parcels_;
  std::set<service_no>& addressed_;
};

} // namespace posthorn
