// SPDX-License-Identifier: Apache-2.0
// Layouts of the small records, to the byte, and the checksum of all records.
#pragma once

#include "storage/lmdb/environment.hpp"
#include "storage/lmdb/keys.hpp"
#include "storage/trial.hpp"

#include <caf/expected.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace posthorn::storage::lmdb {

// Values are little-endian and laid out as the structs below; the page layout
// of LMDB itself is the host's, so the files are not portable anyway.
static_assert(std::endian::native == std::endian::little);

/// What "format" in meta says. Raised with every change of a layout.
inline constexpr std::uint32_t format_version = 2;

using wall_time = std::chrono::system_clock::time_point;

/// Times on disk: microseconds since 1970, 0 for never.
inline std::int64_t micros_of(wall_time when) {
  using std::chrono::microseconds;
  return std::chrono::duration_cast<microseconds>(when.time_since_epoch())
    .count();
}

inline wall_time time_of(std::int64_t micros) {
  return wall_time{std::chrono::microseconds{micros}};
}

// -- checksums ----------------------------------------------------------------

/// XXH3-64 of `body`, seeded with the record's table and key: a record that
/// turns up under another key is as wrong as a flipped bit.
std::uint64_t checksum_of(table where, std::string_view key,
                          std::string_view body);

/// Writes the checksum of a record of `size` bytes into its first eight.
void seal(table where, std::string_view key, char* record, std::size_t size);

/// Whether a record's first eight bytes are the checksum of the others.
bool intact(table where, std::string_view key, std::string_view record);

// -- layouts ------------------------------------------------------------------

/// "format" in meta.
struct format_record {
  std::uint64_t checksum = 0;
  std::uint32_t version = format_version;
  std::uint32_t zero = 0;
};

static_assert(sizeof(format_record) == 16);

/// "identity" in meta: written once.
struct identity_record {
  std::uint64_t checksum = 0;
  /// The store's id, 16 characters of 0-9a-f.
  std::array<char, 16> id{};
};

static_assert(sizeof(identity_record) == 24);

/// "counters" in meta: written by every commit that changes one.
struct counters {
  std::uint64_t checksum = 0;
  /// The next batch's position.
  std::uint64_t next_position = 1;
  /// The sorter's cursor.
  std::uint64_t cursor = 0;
  /// The next record in parcels.
  std::uint64_t next_parcel = 1;
  /// Bytes that batch records hold, in whole pages where they have their own.
  std::uint64_t used_bytes = 0;
  /// Batches that are not routed.
  std::uint64_t pool_batches = 0;
  /// Records set aside because they were rotten, ever.
  std::uint64_t corrupt_records = 0;
  /// seen holds the numbers from first to before next.
  std::uint64_t seen_first = 1;
  std::uint64_t seen_next = 1;
  std::uint32_t next_service = 1;
  std::uint32_t zero = 0;
  /// The next dead letter's number, and how many there are.
  std::uint64_t next_dead = 1;
  std::uint64_t dead_items = 0;

  bool operator==(const counters&) const = default;
};

static_assert(sizeof(counters) == 96);

/// A record of queue: the service is for these items.
struct queue_entry {
  std::uint64_t checksum = 0;
  record_no record = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  /// Bytes of the items.
  std::uint64_t bytes = 0;
  /// When the oldest of the items was taken in.
  std::int64_t received = 0;
  /// As freshness::subject; such an entry has one item.
  std::uint64_t subject = 0;
  /// From when on it is not cut any more; 0 for never.
  std::int64_t expires = 0;
};

static_assert(sizeof(queue_entry) == 56);

/// A place in a queue: before the item `skip` of the entry `sequence`.
struct queue_place {
  std::uint64_t sequence = 1;
  std::uint32_t skip = 0;
  std::uint32_t zero = 0;

  bool operator==(const queue_place&) const = default;
};

/// The fixed part of a record of services; the service's id and its last error
/// follow.
struct service_fixed {
  std::uint64_t checksum = 0;
  std::uint8_t paused = 0;
  /// Whether there is an open transaction: from `head` to `end`.
  std::uint8_t open = 0;
  /// How the open one was cut: by which rendering, and under which names its
  /// ephemeral items go out.
  std::uint8_t rendering = 0;
  std::uint8_t stable_ephemeral = 0;
  std::uint8_t unstable_ephemeral = 0;
  /// As outbound::probing.
  std::uint8_t probing = 0;
  std::array<std::uint8_t, 2> zero{};
  /// Id of the open or else the last transaction: the prefix, then the number;
  /// number 0 before the first.
  std::uint64_t transaction = 0;
  std::array<char, 12> prefix{};
  /// The limits it was cut with (for who reads a store, not for rendering).
  std::uint32_t max_events = 0;
  std::uint64_t max_bytes = 0;
  queue_place head;
  queue_place end;
  /// The sequence of the next queue entry.
  std::uint64_t tail = 1;
  /// Items of the open transaction, their bytes, and how many are events.
  std::uint64_t open_items = 0;
  std::uint64_t open_bytes = 0;
  std::uint32_t open_events = 0;
  /// Failures in a row.
  std::uint32_t failures = 0;
  std::uint64_t pending_items = 0;
  std::uint64_t pending_bytes = 0;
  std::uint64_t delivered_items = 0;
  std::uint64_t delivered_transactions = 0;
  std::int64_t next_attempt = 0;
  std::int64_t last_failure = 0;
  std::int64_t last_success = 0;
  std::uint32_t id_bytes = 0;
  std::uint32_t error_bytes = 0;
  /// Attempts at the open transaction, as outbound's.
  std::uint32_t refusals = 0;
  std::uint32_t doubts = 0;
  storage::trial trial;
  /// The first queue entry that has nothing of the trial.
  std::uint64_t trial_end = 0;
  std::uint64_t dead_items = 0;
  std::uint64_t dead_bytes = 0;
  /// Entries from here to before the head are done, and not deleted yet: how
  /// many bytes their items have, and of how many transactions they are.
  std::uint64_t unswept_from = 1;
  std::uint64_t unswept_bytes = 0;
  std::uint32_t unswept_transactions = 0;
  std::uint32_t no_more = 0;
};

static_assert(sizeof(service_fixed) == 272);

/// A record of services, decoded.
struct service_state : service_fixed {
  std::string id;
  std::string last_error;
};

/// A record of names.
struct name_record {
  std::uint64_t checksum = 0;
  service_no number = 0;
  std::uint32_t zero = 0;
};

static_assert(sizeof(name_record) == 16);

/// "cluster" in meta; not there before the first session.
struct cluster_record {
  std::uint64_t checksum = 0;
  /// The last session that was opened.
  session_no last_session = 0;
  /// How often a lease was granted or given back.
  std::uint64_t lease_changes = 0;
};

static_assert(sizeof(cluster_record) == 24);

/// The fixed part of a record of leases; the holder's name follows.
struct lease_fixed {
  std::uint64_t checksum = 0;
  posthorn::epoch epoch = 0;
  /// In which it was granted.
  session_no session = 0;
  /// 0 where it was given back.
  std::uint32_t holder_bytes = 0;
  std::uint32_t zero = 0;
};

static_assert(sizeof(lease_fixed) == 32);

/// A record of leases, decoded.
struct lease_state : lease_fixed {
  std::string holder;
};

/// The fixed part of a record of dead; the transaction's id, the reason and the
/// item's JSON follow.
struct dead_fixed {
  std::uint64_t checksum = 0;
  std::int64_t set_aside = 0;
  std::int64_t received = 0;
  std::uint32_t kind = 0;
  std::uint32_t txn_bytes = 0;
  std::uint32_t reason_bytes = 0;
  std::uint32_t json_bytes = 0;
};

static_assert(sizeof(dead_fixed) == 40);

/// The fixed part of a record of nodes; the boot id, the address and the
/// version follow.
struct node_fixed {
  std::uint64_t checksum = 0;
  session_no session = 0;
  /// When it was last heard of, by the lease clock of that boot.
  std::int64_t heard_ms = 0;
  std::int64_t ttl_ms = 0;
  /// As pulse::services.
  std::uint64_t services = 0;
  std::uint8_t state = 0;
  std::array<std::uint8_t, 3> zero{};
  std::uint32_t boot_bytes = 0;
  std::uint32_t address_bytes = 0;
  std::uint32_t version_bytes = 0;
};

static_assert(sizeof(node_fixed) == 56);

/// A record of nodes, decoded.
struct node_record : node_fixed {
  std::string boot;
  std::string address;
  std::string version;
};

/// The fixed part of a record "admin/<node>" in meta; the URL follows.
struct admin_fixed {
  std::uint64_t checksum = 0;
  session_no session = 0;
};

static_assert(sizeof(admin_fixed) == 16);

/// A record of calls.
struct call_record {
  std::uint64_t checksum = 0;
  /// Of call_kind, added up.
  std::uint8_t kinds = 0;
  std::array<std::uint8_t, 3> zero{};
  /// As service_call::transaction.
  std::uint32_t transaction = 0;
};

static_assert(sizeof(call_record) == 16);

/// The fixed part of a record of seen; which feed transaction it is follows.
struct seen_fixed {
  std::uint64_t checksum = 0;
  std::int64_t taken = 0;
};

static_assert(sizeof(seen_fixed) == 16);

/// A record of shared.
struct shared_record {
  std::uint64_t checksum = 0;
  std::uint64_t users = 0;
};

static_assert(sizeof(shared_record) == 16);

/// A record of members and of user_rooms. None at all: not joined, as far as is
/// known.
struct member_record {
  std::uint64_t checksum = 0;
  std::uint8_t joined = 0;
  /// Whether the feed said so: then an import does not change it any more.
  std::uint8_t from_feed = 0;
  std::array<std::uint8_t, 6> zero{};
};

static_assert(sizeof(member_record) == 16);

/// The fixed part of a record of aliases; for each alias its size (32 bits) and
/// its bytes follow.
struct alias_fixed {
  std::uint64_t checksum = 0;
  std::uint32_t count = 0;
  /// As in member_record.
  std::uint8_t from_feed = 0;
  std::array<std::uint8_t, 3> zero{};
};

static_assert(sizeof(alias_fixed) == 16);

/// A record of aliases, decoded.
struct alias_set : alias_fixed {
  std::vector<std::string> names;
};

/// A record of newest.
struct newest_record {
  std::uint64_t checksum = 0;
  /// The queue entry's.
  std::uint64_t sequence = 0;
};

static_assert(sizeof(newest_record) == 16);

// -- reading and writing ------------------------------------------------------

/// A record of fixed size. Answers none when its size or checksum is wrong.
template <class Record>
std::optional<Record> decode(table where, std::string_view key,
                             std::string_view bytes) {
  static_assert(std::is_trivially_copyable_v<Record>);
  if (bytes.size() != sizeof(Record) || !intact(where, key, bytes))
    return std::nullopt;
  Record result;
  std::memcpy(&result, bytes.data(), sizeof(Record));
  return result;
}

/// Seals and stores a record of fixed size.
template <class Record>
void put_record(writing& txn, table where, std::string_view key, Record record,
                unsigned flags = 0) {
  static_assert(std::is_trivially_copyable_v<Record>);
  seal(where, key, reinterpret_cast<char*>(&record), sizeof(Record));
  txn.put(where, key, {reinterpret_cast<const char*>(&record), sizeof(Record)},
          flags);
}

/// As decode(), for the records that end in strings.
std::optional<service_state> decode_service(std::string_view key,
                                            std::string_view bytes);
std::optional<lease_state> decode_lease(std::string_view key,
                                        std::string_view bytes);
std::optional<node_record> decode_node(std::string_view key,
                                       std::string_view bytes);

void put_service(writing& txn, service_no service, service_state state);
void put_lease(writing& txn, std::string_view name, lease_state state);
void put_node(writing& txn, std::string_view name, node_record state);

/// The record "admin/<node>" of meta: where a node's admin API is, in that
/// session; none for an empty `url`. Apart from the node's own record, since
/// programs that do not know it take a longer one of those for rotten.
void put_admin(writing& txn, std::string_view node, session_no session,
               std::string_view url);

/// Empty where it is not known, or was told in another session.
std::string read_admin(transaction& txn, std::string_view node,
                       session_no session);

void forget_admin(writing& txn, std::string_view node);

/// The record "cluster" of meta; a fresh one before the first session. Errors:
/// store_corrupt.
caf::expected<cluster_record> read_cluster(transaction& txn);

/// Whether this program reads a store of that format. Errors: store_version.
caf::error check_version(const std::filesystem::path& directory,
                         std::uint32_t version);

/// The counters of meta. Errors: store_corrupt.
caf::expected<counters> read_counters(transaction& txn);

/// The error for a record that is not what it should be.
caf::error rotten_fault(const environment& env, std::string_view what);

} // namespace posthorn::storage::lmdb
