// SPDX-License-Identifier: Apache-2.0
// Records whose checksum is right and whose layout is not.
#include "storage/lmdb/batch_record.hpp"
#include "storage/lmdb/records.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

using namespace posthorn;
using namespace posthorn::storage::lmdb;

namespace {

constexpr record_no record = 7;

/// A record of two events, `1` and `22`.
std::string two_events() {
  auto size = batch_record_size(2, 0, 0, 3);
  std::string result(size, '\0');
  batch_fixed fixed;
  fixed.items = 2;
  batch_writer writer{result.data(), size, fixed, {}, {}};
  writer.add(item_kind::event, "1");
  writer.add(item_kind::event, "22");
  writer.finish(record);
  return result;
}

/// The record with a number of its index changed, and its checksum made right
/// again.
std::string with_index(std::size_t number, std::uint32_t value) {
  auto result = two_events();
  std::memcpy(result.data() + sizeof(batch_fixed) + 4 * number, &value,
              sizeof(value));
  seal(table_of(record), record_key(record), result.data(), result.size());
  return result;
}

} // namespace

TEST_SUITE_BEGIN("batch record");

TEST_CASE("a record whose index points outside of it is not read") {
  REQUIRE(batch_view::verify(record, two_events()));
  // The first item's end: where it is, before the second one's, far away.
  CHECK(batch_view::verify(record, with_index(0, 1)));
  CHECK(!batch_view::verify(record, with_index(0, 900)));
  CHECK(!batch_view::verify(record, with_index(0, 0xffff'ffff)));
  CHECK(!batch_view::verify(record, with_index(2, 900)));
}

TEST_CASE("a record with an item of no known kind is not read") {
  CHECK(batch_view::verify(record, with_index(1, 6)));
  CHECK(!batch_view::verify(record, with_index(1, 0)));
  CHECK(!batch_view::verify(record, with_index(3, 7)));
  CHECK(!batch_view::verify(record, with_index(3, 0x101)));
}

TEST_SUITE_END();
