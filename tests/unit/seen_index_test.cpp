// SPDX-License-Identifier: Apache-2.0
// The index of feed transactions that were taken before.
#include "storage/lmdb/seen_index.hpp"

#include <doctest/doctest.h>

#include <vector>

using posthorn::storage::lmdb::seen_index;

namespace {

using numbers = std::vector<std::uint64_t>;

/// All numbers with that hash.
numbers all_of(const seen_index& index, std::uint32_t hash) {
  numbers result;
  index.any(hash, [&](std::uint64_t number) {
    result.push_back(number);
    return false;
  });
  return result;
}

std::uint32_t hash_of(std::uint64_t number) {
  return static_cast<std::uint32_t>(number * 2'654'435'761u);
}

} // namespace

TEST_SUITE_BEGIN("seen index");

TEST_CASE("every number is found by its hash, however many there are") {
  seen_index index;
  index.clear(1);
  for (std::uint64_t n = 1; n <= 100'000; ++n)
    index.put(hash_of(n), n);
  CHECK(index.next() == 100'001);
  for (std::uint64_t n = 1; n <= 100'000; ++n)
    REQUIRE(all_of(index, hash_of(n)) == numbers{n});
  CHECK(all_of(index, hash_of(100'001)).empty());
}

TEST_CASE("numbers with the same hash are all found") {
  seen_index index;
  for (std::uint64_t n = 1; n <= 3; ++n)
    index.put(7, n);
  index.put(7 + 1024, 4);
  CHECK(all_of(index, 7) == numbers{1, 2, 3});
  CHECK(all_of(index, 7 + 1024) == numbers{4});
}

TEST_CASE("what the commit in hand adds is found at once, and gone unless that "
          "succeeds") {
  seen_index index;
  index.put(1, 1);
  index.add(2, 2);
  CHECK(all_of(index, 2) == numbers{2});
  CHECK(index.next() == 2);
  index.drop();
  CHECK(all_of(index, 2).empty());
  index.add(3, 2);
  index.keep();
  CHECK(index.next() == 3);
  CHECK(all_of(index, 3) == numbers{2});
  CHECK(all_of(index, 2).empty());
}

TEST_CASE("what is forgotten is not found, and its place is used again") {
  seen_index index;
  index.clear(1);
  // A million in all, of which a thousand count at a time.
  for (std::uint64_t n = 1; n <= 1'000'000; ++n) {
    index.put(hash_of(n), n);
    if (n > 1'000)
      index.forget_before(n - 999);
  }
  CHECK(index.first() == 999'001);
  for (std::uint64_t n = 999'001; n <= 1'000'000; ++n)
    REQUIRE(all_of(index, hash_of(n)) == numbers{n});
  CHECK(all_of(index, hash_of(999'000)).empty());
  CHECK(all_of(index, hash_of(1)).empty());
}

TEST_CASE("an index that is cleared begins where it is told") {
  seen_index index;
  index.put(1, 1);
  index.add(2, 2);
  index.clear(50);
  CHECK(index.next() == 50);
  CHECK(index.added() == 0);
  CHECK(all_of(index, 1).empty());
  index.put(1, 50);
  CHECK(all_of(index, 1) == numbers{50});
}

TEST_SUITE_END();
