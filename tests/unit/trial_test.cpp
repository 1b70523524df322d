// SPDX-License-Identifier: Apache-2.0
// How few transactions find the refused items of one.
#include "storage/trial.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

using namespace posthorn;
using storage::trial;

namespace {

struct search {
  int tries = 0;
  std::vector<int> found;
  std::vector<int> delivered;
};

/// Delivers the items 0 to n - 1 of a transaction that was refused because of
/// `bad`. Refusals outside of a trial of poison count `patience` tries.
search run(int n, const std::set<int>& bad, int patience = 1) {
  search result;
  trial state;
  int head = 0;
  bool first = true;
  while (head < n) {
    const auto size = static_cast<int>(
      std::min<std::uint64_t>(state.items_max(), std::uint64_t(n - head)));
    const auto at = bad.lower_bound(head);
    const bool refused = at != bad.end() && *at < head + size;
    result.tries += refused && state.poison == 0 && !first ? patience : 1;
    first = false;
    if (!refused) {
      for (int i = 0; i < size; ++i)
        result.delivered.push_back(head + i);
      state.accept(static_cast<std::uint64_t>(size));
      head += size;
    } else if (size > 1) {
      state.give_up(recut_reason::refused, static_cast<std::uint64_t>(size), 0);
    } else {
      result.found.push_back(head);
      state.set_aside(1);
      ++head;
    }
  }
  CHECK_FALSE(state.active());
  return result;
}

} // namespace

TEST_SUITE_BEGIN("trial");

TEST_CASE("D13: one refused item of 100 is found in at most 10 further "
          "transactions, wherever it is, and the others are delivered") {
  for (int bad = 0; bad < 100; ++bad) {
    const auto how = run(100, {bad});
    CAPTURE(bad);
    CHECK(how.found == std::vector{bad});
    CHECK(how.delivered.size() == 99);
    CHECK(std::is_sorted(how.delivered.begin(), how.delivered.end()));
    CHECK(how.tries - 1 <= 10);
  }
}

TEST_CASE("D13: of a transaction of any size the refused item takes at most "
          "log2(size) + 3 further transactions") {
  for (int n = 1; n <= 130; ++n) {
    int log = 0;
    while ((1 << log) < n)
      ++log;
    for (int bad = 0; bad < n; ++bad)
      CHECK(run(n, {bad}).tries - 1 <= log + 3);
  }
}

TEST_CASE("two refused items are both found, also side by side") {
  for (int a = 0; a < 40; ++a)
    for (int b = a + 1; b < 40; ++b) {
      const auto how = run(40, {a, b});
      CHECK(how.found == std::vector{a, b});
      CHECK(how.delivered.size() == 38);
    }
}

TEST_CASE("where everything is refused, each item after the first is judged "
          "with full patience") {
  const auto how = run(4, {0, 1, 2, 3}, 5);
  CHECK(how.found == std::vector{0, 1, 2, 3});
  // 4, 2, 1, then 3 (five times), 2, 1, then 2 (five times), 1, then 1 (five
  // times).
  CHECK(how.tries == 3 + 7 + 6 + 5);
}

TEST_CASE(
  "an acceptance vouches for one further refused item only: a third in a "
  "row is judged with full patience") {
  CHECK(run(100, {50, 51}, 5).tries == run(100, {50, 51}, 1).tries);
  CHECK(run(100, {50, 51, 52}, 5).tries == run(100, {50, 51, 52}, 1).tries + 4);
}

TEST_CASE(
  "D13: what is too large is halved in items and bytes, until its items "
  "are through") {
  trial state;
  state.give_up(recut_reason::too_large, 100, 1'000'000);
  CHECK(state.items_max() == 50);
  CHECK(state.bytes_max() == 500'000);
  state.give_up(recut_reason::too_large, 50, 400'000);
  CHECK(state.items_max() == 25);
  CHECK(state.bytes_max() == 200'000);
  for (int i = 0; i < 3; ++i)
    state.accept(25);
  CHECK(state.items_max() == 25);
  CHECK_FALSE(state.poison);
  state.accept(25);
  CHECK(state == trial{});
}

TEST_CASE("nothing behind a refused transaction goes out together with it") {
  trial state;
  state.give_up(recut_reason::refused, 10, 0);
  state.accept(5);
  state.give_up(recut_reason::refused, 3, 0);
  state.accept(2);
  state.set_aside(1);
  CHECK(state.items_max() == 2);
}

TEST_CASE("a single item is tried once more, and then judged at once") {
  trial state;
  state.give_up(recut_reason::refused, 1, 0);
  CHECK(state.items_max() == 1);
  CHECK(state.poison == 1);
  state.accept(1);
  CHECK(state == trial{});
}

TEST_CASE("an id that is only renewed changes nothing of a search") {
  trial state;
  state.give_up(recut_reason::renewed, 10, 100);
  CHECK(state == trial{});
  state.give_up(recut_reason::refused, 10, 100);
  const auto before = state;
  state.give_up(recut_reason::renewed, 5, 50);
  CHECK(state == before);
}

TEST_CASE("items that are withdrawn leave a search sound") {
  trial state;
  state.give_up(recut_reason::refused, 10, 0);
  state.withdraw(3);
  CHECK(state.items == 7);
  CHECK(state.bad == 7);
  state.give_up(recut_reason::refused, 4, 0);
  // It may have stood behind the stretch.
  state.withdraw(1);
  CHECK(state.items == 6);
  CHECK(state.bad == 4);
  state.withdraw(6);
  CHECK(state == trial{});
}

TEST_SUITE_END();
