// SPDX-License-Identifier: Apache-2.0
// What the sorter knows about rooms: it moves with the routing.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace posthorn;
using namespace posthorn::contract;

namespace {

using words = std::vector<std::string>;

const std::string room = "!a:example.org";
const std::string bob = "@_irc_bob:example.org";
const std::string eve = "@_irc_eve:example.org";

words joined(workbench& bench, const std::string& where = room) {
  words result;
  auto error = bench.it().joined(
    where, [&](std::string_view user) { result.emplace_back(user); });
  REQUIRE(!error);
  std::sort(result.begin(), result.end());
  return result;
}

words rooms_of(workbench& bench, const std::string& user) {
  words result;
  auto error = bench.it().rooms_of(user, [&](std::string_view where) {
    result.emplace_back(where);
    return true;
  });
  REQUIRE(!error);
  std::sort(result.begin(), result.end());
  return result;
}

words aliases(workbench& bench, const std::string& where = room) {
  auto result = bench.it().aliases(where);
  REQUIRE(result);
  return *result;
}

/// Routes all of the pool, with these changes.
void say(workbench& bench, room_changes what) {
  auto step = bench.routing_of_pool();
  step->rooms = std::move(what);
  bench.done(storage::route{step});
}

storage::learned learn(workbench& bench, room_changes what) {
  auto answer = bench.done(storage::learn{
    bench.sorter, std::make_shared<room_changes>(std::move(what))});
  return std::get<storage::learned>(answer);
}

} // namespace

TEST_SUITE_BEGIN("store: rooms");

TEST_CASE("I10, I17: who is joined to a room is stored with the routing that "
          "says so") {
  workbench bench;
  bench.append(numbered(1));
  say(bench, {{{room, bob, true}, {room, eve, true}, {"!b:x", bob, true}}, {}});
  bench.rig->reopen();
  CHECK(joined(bench) == words{bob, eve});
  CHECK(joined(bench, "!b:x") == words{bob});
  CHECK(joined(bench, "!a:example.or").empty());
  CHECK(joined(bench, "!a:example.org@").empty());
  CHECK(bench.it().is_joined(room, bob) == true);
  say(bench, {{{room, bob, false}}, {}});
  bench.rig->reopen();
  CHECK(joined(bench) == words{eve});
  CHECK(bench.it().is_joined(room, bob) == false);
  CHECK(bench.it().is_joined(room, "@nobody:x") == false);
}

TEST_CASE("I21, D25: which rooms a user is in is stored with the routing that "
          "says so, also of users of other homeservers, who are in no room") {
  workbench bench;
  const std::string far = "@carol:remote.tld";
  say(bench, {{{room, bob, true},
               {"!b:x", bob, true},
               {room, far, true, false},
               {"!b:x", far, true, false}},
              {}});
  bench.rig->reopen();
  CHECK(rooms_of(bench, bob) == words{room, "!b:x"});
  CHECK(rooms_of(bench, far) == words{room, "!b:x"});
  CHECK(rooms_of(bench, far + "x").empty());
  CHECK(rooms_of(bench, "@carol:remote.tl").empty());
  CHECK(joined(bench) == words{bob});
  CHECK(bench.it().is_joined(room, far) == false);
  say(bench, {{{room, bob, false}, {"!b:x", far, false, false}}, {}});
  bench.rig->reopen();
  CHECK(rooms_of(bench, bob) == words{"!b:x"});
  CHECK(rooms_of(bench, far) == words{room});
}

TEST_CASE(
  "whoever asks for a user's rooms is told no more of them than wanted") {
  workbench bench;
  say(bench,
      {{{room, bob, true}, {"!b:x", bob, true}, {"!c:x", bob, true}}, {}});
  int told = 0;
  CHECK(
    !bench.it().rooms_of(bob, [&](std::string_view) { return ++told < 2; }));
  CHECK(told == 2);
}

TEST_CASE("an import of users of other homeservers does not change what the "
          "feed has said of them") {
  workbench bench;
  const std::string far = "@carol:remote.tld";
  say(bench, {{{room, far, false, false}, {"!b:x", far, true, false}}, {}});
  auto done = learn(bench, {{{room, far, true, false},
                             {"!b:x", far, true, false},
                             {"!c:x", far, true, false},
                             {"!d:x", far, false, false}},
                            {}});
  CHECK(done.outdated == 1);
  CHECK(done.same == 2);
  CHECK(done.changed == 1);
  bench.rig->reopen();
  CHECK(rooms_of(bench, far) == words{"!b:x", "!c:x"});
  learn(bench, {{{"!c:x", far, false, false}}, {}});
  bench.rig->reopen();
  CHECK(rooms_of(bench, far) == words{"!b:x"});
}

TEST_CASE("I6: a room's aliases are the newest set and no other") {
  workbench bench;
  say(bench, {{}, {{room, {"#a:example.org", "#b:example.org"}}}});
  bench.rig->reopen();
  CHECK(aliases(bench) == words{"#a:example.org", "#b:example.org"});
  CHECK(aliases(bench, "!b:x").empty());
  say(bench, {{}, {{room, {}}}});
  bench.rig->reopen();
  CHECK(aliases(bench).empty());
}

TEST_CASE("a routing that is refused changes nothing about rooms") {
  workbench bench;
  auto irc = bench.service("irc");
  say(bench, {{{room, bob, true}}, {{room, {"#a:example.org"}}}});
  bench.append(numbered(1));
  auto step = bench.routing_of_pool();
  step->rooms = {{{room, bob, false}, {room, eve, true}}, {{room, {}}}};
  SUBCASE("for its epoch") {
    bench.lease("sorter");
  }
  SUBCASE("for its cursor") {
    step->from += 1;
  }
  SUBCASE("for a service that nobody knows") {
    step->parcels.push_back({{irc + 7}, {{1, 0, 1}}, 1, 0});
  }
  bench.refused(storage::route{step});
  bench.rig->reopen();
  CHECK(joined(bench) == words{bob});
  CHECK(rooms_of(bench, bob) == words{room});
  CHECK(rooms_of(bench, eve).empty());
  CHECK(aliases(bench) == words{"#a:example.org"});
}

TEST_CASE("of two changes in one routing the later one counts") {
  workbench bench;
  say(bench, {{{room, bob, true}, {room, bob, false}, {room, eve, true}},
              {{room, {"#a:x"}}, {room, {"#b:x"}}}});
  bench.rig->reopen();
  CHECK(joined(bench) == words{eve});
  CHECK(aliases(bench) == words{"#b:x"});
}

TEST_CASE("what an import says is known as if the feed had said it") {
  workbench bench;
  auto done = learn(
    bench, {{{room, bob, true}, {room, eve, false}}, {{room, {"#a:x"}}}});
  CHECK(done.changed == 2);
  CHECK(done.same == 1);
  bench.rig->reopen();
  CHECK(joined(bench) == words{bob});
  CHECK(rooms_of(bench, bob) == words{room});
  CHECK(aliases(bench) == words{"#a:x"});
}

TEST_CASE("an import that is repeated changes nothing, a later one counts for "
          "more than an earlier one") {
  workbench bench;
  room_changes what{{{room, bob, true}, {room, eve, true}}, {{room, {"#a:x"}}}};
  learn(bench, what);
  auto again = learn(bench, what);
  CHECK(again.changed == 0);
  CHECK(again.same == 3);
  auto later = learn(bench, {{{room, bob, false}}, {{room, {}}}});
  CHECK(later.changed == 2);
  bench.rig->reopen();
  CHECK(joined(bench) == words{eve});
  CHECK(aliases(bench).empty());
}

TEST_CASE("what the feed has said is not changed by an import, neither a join "
          "nor a leave nor that a room has no aliases") {
  workbench bench;
  say(bench, {{{room, bob, true}, {room, eve, false}}, {{room, {}}}});
  bench.rig->reopen();
  auto done = learn(
    bench, {{{room, bob, false}, {room, eve, true}}, {{room, {"#old:x"}}}});
  CHECK(done.outdated == 3);
  CHECK(done.changed == 0);
  bench.rig->reopen();
  CHECK(joined(bench) == words{bob});
  CHECK(aliases(bench).empty());
}

TEST_CASE("what the feed confirms is the feed's from then on") {
  workbench bench;
  room_changes what{{{room, bob, true}}, {{room, {"#a:x"}}}};
  learn(bench, what);
  say(bench, what);
  learn(bench, {{{room, bob, false}}, {{room, {}}}});
  bench.rig->reopen();
  CHECK(joined(bench) == words{bob});
  CHECK(aliases(bench) == words{"#a:x"});
}

TEST_CASE("an import under an old epoch is refused: a newer sorter has decided "
          "without it") {
  workbench bench;
  bench.lease("sorter");
  auto what = std::make_shared<room_changes>();
  what->memberships.push_back({room, bob, true});
  auto why = bench.refused(storage::learn{bench.sorter, what});
  CHECK(is(why, ec::fenced));
  bench.rig->reopen();
  CHECK(joined(bench).empty());
}

TEST_CASE("ids of the largest size that Matrix allows are kept, longer ones "
          "are left aside") {
  workbench bench;
  const std::string widest_room(255, '!');
  const std::string widest_user(255, '@');
  const std::string too_long(256, 'x');
  say(bench, {{{widest_room, widest_user, true},
               {too_long, bob, true},
               {room, too_long, true},
               {"", bob, true},
               {room, "", true}},
              {{widest_room, {"#a:x"}}, {too_long, {"#a:x"}}, {"", {"#a:x"}}}});
  bench.rig->reopen();
  CHECK(joined(bench, widest_room) == words{widest_user});
  CHECK(rooms_of(bench, widest_user) == words{widest_room});
  CHECK(rooms_of(bench, too_long).empty());
  CHECK(joined(bench, too_long).empty());
  CHECK(joined(bench, "").empty());
  CHECK(joined(bench).empty());
  CHECK(aliases(bench, widest_room) == words{"#a:x"});
  CHECK(aliases(bench, too_long).empty());
}

TEST_CASE("the sorter gets an event's membership and aliases back from the "
          "pool") {
  workbench bench;
  auto what = make_batch("", "1", numbered(3));
  what->fields[0].membership = "join";
  what->fields[1].aliases = {"#a:x", "", "#\xc3\xa9:x"};
  bench.done(storage::append{what});
  bench.rig->reopen();
  auto page = bench.page();
  REQUIRE(page.entries.size() == 1);
  const auto& fields = page.entries[0].fields;
  REQUIRE(fields.size() == 3);
  CHECK(fields[0].membership == "join");
  CHECK(fields[0].aliases.empty());
  CHECK(fields[1].membership.empty());
  CHECK(fields[1].aliases == what->fields[1].aliases);
  CHECK(fields[2].sender == "@alice:example.org");
  CHECK(fields[2].membership.empty());
}

TEST_SUITE_END();
