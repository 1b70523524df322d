// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/rooms.hpp"

#include "storage/lmdb/leases.hpp"

#include <cstring>
#include <utility>

namespace posthorn::storage::lmdb {

namespace {

/// What a record that is not there, or rotten, says: nothing.
template <class Record>
using maybe = std::optional<Record>;

maybe<alias_set> decode_aliases(std::string_view room_id,
                                std::string_view bytes) {
  alias_set result;
  auto& fixed = static_cast<alias_fixed&>(result);
  if (bytes.size() < sizeof(fixed) || !intact(table::aliases, room_id, bytes))
    return std::nullopt;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  bytes.remove_prefix(sizeof(fixed));
  for (std::uint32_t i = 0; i < fixed.count; ++i) {
    std::uint32_t size = 0;
    if (bytes.size() < sizeof(size))
      return std::nullopt;
    std::memcpy(&size, bytes.data(), sizeof(size));
    bytes.remove_prefix(sizeof(size));
    if (bytes.size() < size)
      return std::nullopt;
    result.names.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return bytes.empty() ? maybe<alias_set>{std::move(result)} : std::nullopt;
}

std::string encode(const alias_set& what) {
  auto& fixed = static_cast<const alias_fixed&>(what);
  std::string result{reinterpret_cast<const char*>(&fixed), sizeof(fixed)};
  for (auto& each : what.names) {
    const auto size = static_cast<std::uint32_t>(each.size());
    result.append(reinterpret_cast<const char*>(&size), sizeof(size));
    result += each;
  }
  return result;
}

void tell_rotten(transaction& txn, rot_log& rot, const std::string& what,
                 const std::string& so) {
  rot.tell(what, "store " + txn.env().directory().string() + ": " + what
                   + " does not match its checksum; " + so
                   + " until the feed or an import says it anew; check the "
                     "disk");
}

/// Whether a record of `members` says joined.
bool says_joined(transaction& txn, std::string_view key, std::string_view bytes,
                 rot_log& rot) {
  if (const auto record = decode<member_record>(table::members, key, bytes))
    return record->joined != 0;
  const auto room_bytes = static_cast<unsigned char>(key.front());
  tell_rotten(txn, rot,
              "the membership of " + std::string{key.substr(1 + room_bytes)}
                + " in " + std::string{key.substr(1, room_bytes)},
              "the user counts as joined");
  return true;
}

/// Takes changes into the tables, those of the feed or those of an import.
class taking {
public:
  taking(commit_scope& scope, bool from_feed)
    : scope_{scope}, from_feed_{from_feed} {}

  void membership(const membership_change& what);
  void aliases(const alias_change& what);

  learned result;

private:
  commit_scope& scope_;
  bool from_feed_;
};

void taking::membership(const membership_change& what) {
  if (!can_be_kept(what.room_id) || !can_be_kept(what.user_id))
    return;
  const auto key = member_key(what.room_id, what.user_id);
  maybe<member_record> known;
  const auto bytes = scope_.txn.get(table::members, key);
  if (bytes)
    known = decode<member_record>(table::members, key, *bytes);
  if (!from_feed_ && known && known->from_feed != 0) {
    ++(known->joined == std::uint8_t{what.joined} ? result.same
                                                  : result.outdated);
    return;
  }
  // Nothing at all says "not joined" as well, where it need not outweigh what
  // an import says later.
  if (!from_feed_ && !what.joined) {
    ++(bytes ? result.changed : result.same);
    if (bytes)
      scope_.txn.erase(table::members, key);
    return;
  }
  member_record wanted;
  wanted.joined = what.joined;
  wanted.from_feed = from_feed_;
  if (known && known->joined == wanted.joined
      && known->from_feed == wanted.from_feed) {
    ++result.same;
    return;
  }
  ++result.changed;
  put_record(scope_.txn, table::members, key, wanted);
}

void taking::aliases(const alias_change& what) {
  if (!can_be_kept(what.room_id))
    return;
  maybe<alias_set> known;
  const auto bytes = scope_.txn.get(table::aliases, what.room_id);
  if (bytes)
    known = decode_aliases(what.room_id, *bytes);
  if (!from_feed_ && known && known->from_feed != 0) {
    ++(known->names == what.aliases ? result.same : result.outdated);
    return;
  }
  if (!from_feed_ && what.aliases.empty()) {
    ++(bytes ? result.changed : result.same);
    if (bytes)
      scope_.txn.erase(table::aliases, what.room_id);
    return;
  }
  alias_set wanted;
  wanted.count = static_cast<std::uint32_t>(what.aliases.size());
  wanted.from_feed = from_feed_;
  wanted.names = what.aliases;
  if (known && known->names == wanted.names
      && known->from_feed == wanted.from_feed) {
    ++result.same;
    return;
  }
  ++result.changed;
  auto record = encode(wanted);
  seal(table::aliases, what.room_id, record.data(), record.size());
  scope_.txn.put(table::aliases, what.room_id, record);
}

/// What the changes take in the file at most: each could touch a page of its
/// own, but hardly does; a record, its key and the tree above, half full.
std::uint64_t estimate(const room_changes& what) {
  constexpr std::uint64_t record_bytes_max = 600;
  std::uint64_t result = what.memberships.size() * record_bytes_max;
  for (auto& each : what.aliases) {
    result += record_bytes_max;
    for (auto& alias : each.aliases)
      result += 2 * alias.size();
  }
  return result;
}

} // namespace

caf::expected<reply> apply(commit_scope& scope, const learn& what) {
  if (auto lease = check_lease(scope.txn, sorter_lease, what.epoch); !lease)
    return lease.error();
  auto& env = scope.txn.env();
  if (auto error
      = env.lacks_room(scope.txn, scope.written + estimate(*what.what)))
    return *error;
  taking step{scope, false};
  for (auto& each : what.what->memberships)
    step.membership(each);
  for (auto& each : what.what->aliases)
    step.aliases(each);
  return step.result;
}

void store_changes(commit_scope& scope, const room_changes& what) {
  taking step{scope, true};
  for (auto& each : what.memberships)
    step.membership(each);
  for (auto& each : what.aliases)
    step.aliases(each);
}

caf::error read_joined(transaction& txn, std::string_view room_id,
                       const std::function<void(std::string_view)>& each,
                       rot_log& rot) {
  if (!can_be_kept(room_id))
    return {};
  const auto prefix = member_key(room_id, {});
  walker walk{txn, table::members};
  for (auto more = walk.seek(prefix); more && walk.key().starts_with(prefix);
       more = walk.step())
    if (says_joined(txn, walk.key(), walk.value(), rot))
      each(walk.key().substr(prefix.size()));
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  return {};
}

caf::expected<bool> read_is_joined(transaction& txn, std::string_view room_id,
                                   std::string_view user_id, rot_log& rot) {
  if (!can_be_kept(room_id) || !can_be_kept(user_id))
    return false;
  const auto key = member_key(room_id, user_id);
  const auto bytes = txn.get(table::members, key);
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  return bytes && says_joined(txn, key, *bytes, rot);
}

caf::expected<std::vector<std::string>>
read_aliases(transaction& txn, std::string_view room_id, rot_log& rot) {
  std::vector<std::string> result;
  if (!can_be_kept(room_id))
    return result;
  const auto bytes = txn.get(table::aliases, room_id);
  if (txn.failure() != 0)
    return txn.env().failure(txn.failure(), "cannot read");
  if (!bytes)
    return result;
  if (auto known = decode_aliases(room_id, *bytes))
    return std::move(known->names);
  tell_rotten(txn, rot, "the aliases of " + std::string{room_id},
              "the room counts as having none");
  return result;
}

} // namespace posthorn::storage::lmdb
