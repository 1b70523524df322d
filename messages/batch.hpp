// SPDX-License-Identifier: Apache-2.0
// What comes in: one feed transaction, sliced into items.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn {

/// Which part of a transaction an item is. On disk, do not renumber.
enum class item_kind : std::uint8_t {
  /// An element of `events`.
  event = 1,
  /// An element of `ephemeral`: typing, receipts, presence.
  ephemeral = 2,
  /// An element of `de.sorunome.msc2409.to_device`.
  to_device = 3,
  /// The object `org.matrix.msc3202.device_lists`.
  device_lists = 4,
  /// The object `org.matrix.msc3202.device_one_time_key(s)_count(s)`.
  key_counts = 5,
  /// The object `org.matrix.msc3202.device_unused_fallback_key_types`.
  fallback_keys = 6,
};

/// A stretch of bytes inside another string.
struct span {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;

  std::string_view of(std::string_view whole) const {
    return whole.substr(offset, size);
  }
};

/// The fields of an event that decide whom it is for (the client-server API's
/// names). Decoded from JSON; empty where the event lacks them.
struct event_fields {
  std::string type;
  std::string sender;
  std::string room_id;
  /// Only meaningful when `has_state_key`.
  std::string state_key;
  bool has_state_key = false;
  /// Of an m.room.member event with a state key: `content.membership`. Empty
  /// where that is no string, and for all other events.
  std::string membership;
  /// Of an m.room.canonical_alias event with a state key: the strings among
  /// `content.alias` and `content.alt_aliases`, as they come.
  std::vector<std::string> aliases;
};

/// One item of a feed transaction: the bytes as they came, never re-serialised.
struct item {
  item_kind kind = item_kind::event;
  /// Where its bytes are in batch::body.
  span json;
  /// Index into batch::fields, or no_fields.
  std::uint32_t fields = no_fields;

  static constexpr std::uint32_t no_fields = 0xffff'ffff;
};

/// A feed transaction, authenticated, checked and sliced, on its way to disk.
struct batch {
  /// Which way it came: the service's id for an addressed feed, empty for the
  /// catch-all feed.
  std::string feed;
  /// The homeserver's transaction id, percent-decoded.
  std::string txn_id;
  /// XXH3-128 over the event ids in order (over the whole body when there is no
  /// event), the third part of the dedupe key: some homeservers restart their
  /// transaction ids (Synapse on SQLite), and Synapse retries with events only.
  std::array<std::uint8_t, 16> digest{};
  /// The request's body. Slices point into it.
  std::string body;
  std::vector<item> items;
  /// Filled on the catch-all feed only, where the sorter needs them.
  std::vector<event_fields> fields;
  /// When it was received, by the wall clock.
  std::chrono::system_clock::time_point received;
};

/// Batches travel between actors by pointer and are never changed.
using batch_ptr = std::shared_ptr<const batch>;

/// What the pool answers once a batch is on disk.
struct receipt {
  /// Its place in the pool; 0 for a duplicate.
  std::uint64_t position = 0;
  /// Whether this feed transaction had been taken before.
  bool duplicate = false;
};

/// One batch as the sorter reads it back from the pool.
struct pool_entry {
  std::uint64_t position = 0;
  /// As batch::feed.
  std::string feed;
  /// Kind of each item, in order.
  std::vector<item_kind> kinds;
  /// Size of each item's JSON, in bytes.
  std::vector<std::uint32_t> sizes;
  /// One for each item on the catch-all feed (of an item that is not an event:
  /// all empty), none on an addressed one.
  std::vector<event_fields> fields;
  /// The JSON of each item that is not an event, for events empty; none where
  /// all are events.
  std::vector<std::string> json = {};
};

/// What the pool holds after a position, oldest first.
struct pool_page {
  std::vector<pool_entry> entries;
  /// Where the sorter's cursor is.
  std::uint64_t from = 0;
  /// Where the sorter's cursor will be once these are routed.
  std::uint64_t next = 0;
  /// Whether the page ended because it was full, not because the pool was.
  bool full = false;
};

using pool_page_ptr = std::shared_ptr<const pool_page>;

} // namespace posthorn
