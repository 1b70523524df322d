// SPDX-License-Identifier: Apache-2.0
// A record of items: a batch as it came in, or a parcel of items of several.
#pragma once

#include "messages/batch.hpp"
#include "storage/lmdb/keys.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace posthorn::storage::lmdb {

/// The fixed part of a record of pool and parcels. Behind it, without gaps:
/// - the index: for each item 8 bytes, where it ends (offset into the items, 32
///   bits) and its kind (32 bits);
/// - the feed's name;
/// - the fields: for each item one byte, 0 when it has none; else 1, plus 2
///   when there is a state key, 4 a membership, 8 aliases; then four sizes (32
///   bits each: type, sender, room id, state key) and the four strings; then,
///   each string after its size, the membership, and the aliases after their
///   number. Nothing at all where no item has any;
/// - the items' JSON, a comma between each two, so that a run of events is
///   copied into a body in one piece.
struct batch_fixed {
  std::uint64_t checksum = 0;
  std::uint32_t items = 0;
  std::uint32_t feed_bytes = 0;
  std::uint64_t fields_bytes = 0;
  std::int64_t received = 0;
};

static_assert(sizeof(batch_fixed) == 32);

/// Bytes of a record with these parts; `json_bytes` without commas.
std::uint64_t batch_record_size(std::size_t items, std::size_t feed_bytes,
                                std::size_t fields_bytes,
                                std::uint64_t json_bytes);

/// The largest record: LMDB's and the index's offsets have 32 bits.
inline constexpr std::uint64_t batch_record_max = 0xf000'0000;

/// A record read in place. Valid as long as the bytes it was made of.
class batch_view {
public:
  /// None when the checksum or the layout is wrong.
  static std::optional<batch_view> verify(record_no record,
                                          std::string_view bytes);

  /// Without the checksum: for bytes that verify() has passed.
  static std::optional<batch_view> trust(std::string_view bytes);

  std::uint32_t items() const {
    return fixed_.items;
  }

  std::int64_t received() const {
    return fixed_.received;
  }

  std::string_view feed() const {
    return feed_;
  }

  item_kind kind(std::uint32_t i) const;

  /// Bytes of an item's JSON.
  std::uint32_t size(std::uint32_t i) const {
    return end(i) - start(i);
  }

  /// Bytes of the JSON of `count` > 0 items, commas not counted.
  std::uint64_t bytes(std::uint32_t first, std::uint32_t count) const;

  /// The JSON of `count` > 0 items with the commas between.
  std::string_view run(std::uint32_t first, std::uint32_t count) const;

  /// The fields of all items; empty where none has any, or on a record that has
  /// none of its own.
  std::vector<event_fields> fields() const;

private:
  bool index_fits() const;
  std::uint32_t end(std::uint32_t i) const;

  std::uint32_t start(std::uint32_t i) const {
    return i == 0 ? 0 : end(i - 1) + 1;
  }

  batch_fixed fixed_;
  std::string_view index_;
  std::string_view feed_;
  std::string_view fields_;
  std::string_view json_;
};

/// Fills a record in place.
class batch_writer {
public:
  /// `at` has `size` bytes, as batch_record_size() answered.
  batch_writer(char* at, std::size_t size, batch_fixed fixed,
               std::string_view feed, std::string_view fields);

  void add(item_kind kind, std::string_view json);

  /// Adds `count` > 0 items of another record.
  void add(const batch_view& from, std::uint32_t first, std::uint32_t count);

  /// Seals it. All items must have been added.
  void finish(record_no record);

private:
  void index(item_kind kind, std::uint64_t end);
  void copy(std::string_view bytes);
  void separate();

  char* record_;
  std::size_t size_;
  char* index_;
  char* json_;
  char* at_;
  bool empty_ = true;
};

/// Encodes the fields of a batch's items for a record.
std::string encode_fields(const batch& what);

/// What a record of `size` bytes takes in the file: whole pages where LMDB
/// gives it its own, else its part of a leaf page that only holds such records.
std::uint64_t footprint(std::uint64_t size, std::uint64_t page_bytes);

} // namespace posthorn::storage::lmdb
