// SPDX-License-Identifier: Apache-2.0
// Every table and every key layout of the LMDB store.
#pragma once

#include "messages/cluster.hpp"
#include "messages/transaction.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace posthorn::storage::lmdb {

/// The tables (LMDB's named databases). On disk, do not renumber: the number is
/// part of each record's checksum.
enum class table : std::uint8_t {
  /// "format", "identity", "counters".
  meta = 0,
  /// Position: a batch as it came in.
  pool = 1,
  /// Number: items of several batches that go to the same services.
  parcels = 2,
  /// Service, sequence: a run of items of a batch record.
  queue = 3,
  /// Service number: its state.
  services = 4,
  /// Service id: its number.
  names = 5,
  /// Lease name: epoch, holder and its session.
  leases = 6,
  /// Number: a feed transaction and when it was taken.
  seen = 7,
  /// Batch record: how many queue entries need it, where that is not one.
  shared = 8,
  /// Table and key: a record that did not match its checksum, as it was found.
  rotten = 9,
  /// Room, user: whether that local user is joined.
  members = 10,
  /// Room: its local aliases.
  aliases = 11,
  /// Service, subject: the queue entry that tells of it.
  newest = 12,
  /// Service, number: an item that the service refused for good.
  dead = 13,
  /// User, room: whether that user, of whatever homeserver, is joined.
  user_rooms = 14,
  /// Node name: its session and its last heartbeat.
  nodes = 15,
  /// Session, service: what is asked of the service's owner.
  calls = 16,
};

/// By table, LMDB's name for it.
inline constexpr std::array<const char*, 17> table_names
  = {"meta",   "pool", "parcels",    "queue",  "services", "names",
     "leases", "seen", "shared",     "rotten", "members",  "aliases",
     "newest", "dead", "user_rooms", "nodes",  "calls"};

/// A record that holds items: a position in `pool`, or, with the top bit set, a
/// number in `parcels`.
using record_no = std::uint64_t;

inline constexpr record_no in_parcels = 1ull << 63;

inline table table_of(record_no record) {
  return (record & in_parcels) != 0 ? table::parcels : table::pool;
}

/// The number of a record inside its table.
inline std::uint64_t number_of(record_no record) {
  return record & ~in_parcels;
}

/// A key of fixed size. Integers are big-endian, so that LMDB's order is
/// theirs.
template <std::size_t Size>
struct fixed_key {
  std::array<char, Size> bytes{};

  operator std::string_view() const {
    return {bytes.data(), bytes.size()};
  }
};

template <class Integer>
void store_big_endian(char* at, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    at[i] = static_cast<char>(value >> (8 * (sizeof(Integer) - 1 - i)));
}

/// Reads an integer of a key; `bytes` must be large enough.
template <class Integer>
Integer load_big_endian(std::string_view bytes) {
  Integer result = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    result = static_cast<Integer>(result << 8)
             | static_cast<unsigned char>(bytes[i]);
  return result;
}

/// Key in pool, parcels and seen.
inline fixed_key<8> number_key(std::uint64_t number) {
  fixed_key<8> result;
  store_big_endian(result.bytes.data(), number);
  return result;
}

/// Key of a batch record in its table.
inline fixed_key<8> record_key(record_no record) {
  return number_key(number_of(record));
}

/// Key in shared: the record with its table bit.
inline fixed_key<8> shared_key(record_no record) {
  return number_key(record);
}

/// Key in services.
inline fixed_key<4> service_key(service_no service) {
  fixed_key<4> result;
  store_big_endian(result.bytes.data(), service);
  return result;
}

/// Key in queue.
inline fixed_key<12> queue_key(service_no service, std::uint64_t sequence) {
  fixed_key<12> result;
  store_big_endian(result.bytes.data(), service);
  store_big_endian(result.bytes.data() + 4, sequence);
  return result;
}

/// Key in calls, or with service 0 what all keys of a session begin with.
inline fixed_key<12> call_key(session_no session, service_no service) {
  fixed_key<12> result;
  store_big_endian(result.bytes.data(), session);
  store_big_endian(result.bytes.data() + 8, service);
  return result;
}

/// Key in newest.
inline fixed_key<12> newest_key(service_no service, std::uint64_t subject) {
  return queue_key(service, subject);
}

/// Key in dead.
inline fixed_key<12> dead_key(service_no service, std::uint64_t number) {
  return queue_key(service, number);
}

/// Key in rotten: the table's number, then the key there.
inline std::string rotten_key(table where, std::string_view key) {
  std::string result(1, static_cast<char>(where));
  return result.append(key);
}

/// Key in members, or with an empty `user_id` what all keys of a room begin
/// with: the room id's size in a byte, so that no room's keys lie among
/// another's. Both ids have at most matrix_id_max bytes: with the size just
/// what LMDB's keys may have.
inline std::string member_key(std::string_view room_id,
                              std::string_view user_id) {
  std::string result(1, static_cast<char>(room_id.size()));
  return result.append(room_id).append(user_id);
}

/// Key in user_rooms, or with an empty `room_id` what all keys of a user begin
/// with.
inline std::string user_room_key(std::string_view user_id,
                                 std::string_view room_id) {
  return member_key(user_id, room_id);
}

static_assert(1 + 2 * matrix_id_max <= 511);

/// The lease that a service's writes are fenced by.
inline std::string lease_name(std::string_view service_id) {
  return std::string{"service/"}.append(service_id);
}

inline constexpr std::string_view sorter_lease = "sorter";

/// Key in meta: where a node's admin API is.
inline std::string admin_key(std::string_view node) {
  return std::string{"admin/"}.append(node);
}

/// Longest id of a service and longest name of a lease, in bytes: both are
/// keys, and LMDB's keys end at 511.
inline constexpr std::size_t service_id_max = 255;
inline constexpr std::size_t lease_name_max = 300;
inline constexpr std::size_t node_name_max = 200;

} // namespace posthorn::storage::lmdb
