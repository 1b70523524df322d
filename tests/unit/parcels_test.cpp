// SPDX-License-Identifier: Apache-2.0
// How the sorter groups items for the same services.
#include "actors/sorter/parcels.hpp"
#include "tests/support/pool_entries.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <vector>

using namespace posthorn;
using namespace posthorn::testing;

TEST_SUITE_BEGIN("parcels");

TEST_CASE("small transactions for one service become one run, even with others "
          "between them") {
  parcel_builder aut;
  aut.add_batch(entry(1, "irc", 1), {1});
  aut.add_batch(entry(2, "log", 1), {2});
  aut.add_batch(entry(3, "irc", 1), {1});
  const auto done = aut.take();
  REQUIRE(done.size() == 2);
  CHECK(done[0].pieces.size() == 2);
  CHECK(done[0].items == 2);
  CHECK(done[0].bytes == 200);
}

TEST_CASE("a large transaction stays whole") {
  parcel_builder aut;
  aut.add_batch(entry(1, "irc", 1), {1});
  aut.add_batch(entry(2, "irc", 100, 600), {1});
  aut.add_batch(entry(3, "irc", 1), {1});
  const auto done = aut.take();
  REQUIRE(done.size() == 3);
  CHECK(done[1].pieces.size() == 1);
  CHECK(done[1].pieces[0].position == 2);
}

TEST_CASE("grouping never reorders what a service gets") {
  // Every service's items, in the order of the parcels, are in pool order: over
  // 200 seeded random streams of 300 items and 5 services.
  std::uint32_t seed = 7;
  const auto random = [&seed](std::uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 16) % n;
  };
  for (int round = 0; round < 200; ++round) {
    parcel_builder aut;
    std::map<service_no, std::vector<std::uint64_t>> wanted;
    std::map<service_no, std::vector<std::uint64_t>> got;
    for (std::uint64_t at = 1; at <= 30; ++at) {
      const auto batch = entry(at, "", 10);
      for (std::uint32_t i = 0; i < 10; ++i) {
        std::set<service_no> to;
        for (auto n = random(3); n > 0; --n)
          to.insert(random(5));
        for (auto no : to)
          wanted[no].push_back(at * 100 + i);
        if (!to.empty())
          aut.add_item(batch, i, {to.begin(), to.end()});
      }
    }
    for (const auto& x : aut.take())
      for (const auto& piece : x.pieces)
        for (std::uint32_t i = 0; i < piece.count; ++i)
          for (auto no : x.to)
            got[no].push_back(piece.position * 100 + piece.first + i);
    REQUIRE(got == wanted);
  }
}

TEST_SUITE_END();
