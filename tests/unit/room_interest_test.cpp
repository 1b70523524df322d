// SPDX-License-Identifier: Apache-2.0
// For whom an event is: the vectors of docs/matrix.md, over a fake store.
#include "actors/sorter/namespaces.hpp"
#include "actors/sorter/room_interest.hpp"
#include "tests/support/fake_store.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::testing;

namespace {

constexpr service_no irc = 1;
constexpr service_no log_archive = 2;
constexpr service_no tg = 3;
constexpr service_no ghost = 4;

using numbers = std::vector<service_no>;

const std::string alice = "@alice:example.org";
const std::string irc_bob = "@_irc_bob:example.org";

/// A short room name in full.
std::string room(const std::string& name) {
  return "!" + name + ":example.org";
}

event_fields message(const std::string& sender, const std::string& where) {
  event_fields result;
  result.type = "m.room.message";
  result.sender = sender;
  result.room_id = where;
  return result;
}

event_fields member(const std::string& sender, const std::string& where,
                    const std::string& user, const std::string& membership) {
  auto result = message(sender, where);
  result.type = "m.room.member";
  result.has_state_key = true;
  result.state_key = user;
  result.membership = membership;
  return result;
}

event_fields aliased(const std::string& where,
                     std::vector<std::string> aliases) {
  auto result = message(alice, where);
  result.type = "m.room.canonical_alias";
  result.has_state_key = true;
  result.aliases = std::move(aliases);
  return result;
}

struct fixture {
  fixture() {
    add(irc, "irc", {"@_irc_.*"}, {R"(#_irc_.*:example\.org)"}, {});
    add(log_archive, "log", {}, {}, {"!log"});
    add(tg, "tg", {R"(@tg_[0-9]+:example\.org)"}, {}, {});
    add(ghost, "ghost", {}, {}, {});
    matcher.build();
    for (const auto& [where, user] :
         {std::pair{"a", alice},
          {"a", irc_bob},
          {"b", alice},
          {"c", alice},
          {"d", alice},
          {"d", std::string{"@ghostbot:example.org"}},
          {"e", alice},
          {"f", alice},
          {"log1", alice},
          {"xlog", alice}})
      store->members[room(where)][user] = {true, true};
    store->alias_sets[room("e")]
      = {{"#_irc_chan:example.org", "#other:example.org"}, true};
    store->alias_sets[room("f")] = {{"#_IRC_chan:example.org"}, true};
    start();
  }

  void start(std::size_t weight_max = std::size_t{16} << 20) {
    name_interest names;
    names.users = [this](std::string_view user) -> const auto& {
      return matcher.users_of(user);
    };
    names.rooms = [this](std::string_view where) -> const auto& {
      return matcher.rooms_of(where);
    };
    names.aliases = [this](std::string_view alias) -> const auto& {
      return matcher.aliases_of(alias);
    };
    aut = std::make_unique<room_interest>(
      names, store, room_interest_options{"example.org", weight_max});
  }

  void add(service_no number, const std::string& id,
           const std::vector<std::string>& users,
           const std::vector<std::string>& aliases,
           const std::vector<std::string>& rooms) {
    registration what;
    what.id = id;
    what.sender_localpart = id + "bot";
    for (const auto& each : users)
      what.users.push_back({each, true});
    for (const auto& each : aliases)
      what.aliases.push_back({each, true});
    for (const auto& each : rooms)
      what.rooms.push_back({each, false});
    REQUIRE(!matcher.add(number, what));
  }

  numbers to(const event_fields& event) {
    numbers result;
    REQUIRE(!aut->decide(event, result));
    return result;
  }

  /// As the sorter does when a page was routed.
  void store_all() {
    auto step = std::make_shared<routing>();
    step->epoch = store->current_epoch;
    step->from = store->at;
    step->to = store->at + 1;
    step->rooms = aut->changes();
    const std::vector<storage::mutation> work{storage::route{step}};
    REQUIRE(store->commit(work).front());
    aut->stored();
  }

  interest matcher{"example.org"};
  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  std::unique_ptr<room_interest> aut;
};

} // namespace

TEST_SUITE_BEGIN("room interest");

TEST_CASE_FIXTURE(fixture, "I1: an event is for a service with a user in the "
                           "room, and for no other") {
  CHECK(to(message(alice, room("a"))) == numbers{irc});
  CHECK(to(message(alice, room("b"))).empty());
}

TEST_CASE_FIXTURE(fixture, "a remote user that is in the room does not count, "
                           "but may send") {
  const std::string eve = "@_irc_eve:remote.tld";
  CHECK(to(member(eve, room("c"), eve, "join")) == numbers{irc});
  CHECK(to(message(alice, room("c"))).empty());
  CHECK(to(message(eve, room("c"))) == numbers{irc});
  REQUIRE(aut->changes().memberships.size() == 1);
  CHECK_FALSE(aut->changes().memberships[0].local);
  store->members[room("c")][eve] = {true, true};
  start();
  CHECK(to(message(alice, room("c"))).empty());
}

TEST_CASE_FIXTURE(fixture, "I4: a room is wanted for its id, anchored at the "
                           "start and open at the end") {
  CHECK(to(message(alice, room("log1"))) == numbers{log_archive});
  CHECK(to(message(alice, room("xlog"))).empty());
}

TEST_CASE_FIXTURE(fixture, "I6: a room is wanted for a local alias, until it "
                           "has that no more") {
  CHECK(to(message(alice, room("e"))) == numbers{irc});
  CHECK(to(message(alice, room("f"))).empty());
  to(aliased(room("e"), {"#other:example.org"}));
  CHECK(to(message(alice, room("e"))).empty());
  store_all();
  start();
  CHECK(to(message(alice, room("e"))).empty());
  CHECK(to(aliased(room("e"), {"#_irc_x:example.org"})) == numbers{irc});
  CHECK(to(message(alice, room("e"))) == numbers{irc});
}

TEST_CASE_FIXTURE(fixture, "an alias of another homeserver does not count, nor "
                           "does a canonical alias with a state key") {
  to(aliased(room("b"), {"#_irc_a:remote.tld", "#_irc_b:example.org.evil"}));
  CHECK(to(message(alice, room("b"))).empty());
  auto odd = aliased(room("b"), {"#_irc_a:example.org"});
  odd.state_key = "x";
  to(odd);
  CHECK(to(message(alice, room("b"))).empty());
}

TEST_CASE_FIXTURE(fixture, "I8: a service's own user counts without a "
                           "namespace") {
  CHECK(to(message(alice, room("d"))) == numbers{ghost});
}

TEST_CASE_FIXTURE(fixture, "I9: the target of a membership counts") {
  const auto invite = [](const std::string& user) {
    return member(alice, room("b"), user, "invite");
  };
  CHECK(to(invite("@tgbot:example.org")) == numbers{tg});
  CHECK(to(invite("@tg_12:example.org")) == numbers{tg});
  CHECK(to(invite("@tg_12x:example.org")).empty());
}

TEST_CASE_FIXTURE(fixture, "I10: a kick is for the service of who is kicked, "
                           "and the next message is not") {
  for (const auto* how : {"leave", "ban"}) {
    CAPTURE(how);
    CHECK(to(member(alice, room("a"), irc_bob, how)) == numbers{irc});
    CHECK(to(message(alice, room("a"))).empty());
    CHECK(to(member(irc_bob, room("a"), irc_bob, "join")) == numbers{irc});
    CHECK(to(message(alice, room("a"))) == numbers{irc});
  }
}

TEST_CASE_FIXTURE(fixture, "I12: a state key counts for memberships only") {
  auto custom = message(alice, room("b"));
  custom.type = "m.custom";
  custom.has_state_key = true;
  custom.state_key = irc_bob;
  custom.membership = "join";
  CHECK(to(custom).empty());
  CHECK(to(message(alice, room("b"))).empty());
}

TEST_CASE_FIXTURE(fixture, "I13: users are matched from their start, and case "
                           "counts") {
  CHECK(to(message("@x_irc_bob:example.org", room("b"))).empty());
  CHECK(to(message("@_IRC_bob:example.org", room("b"))).empty());
}

TEST_CASE_FIXTURE(fixture, "I17: who is invited does not count, who has joined "
                           "does, from the join on") {
  CHECK(to(member(alice, room("g"), irc_bob, "invite")) == numbers{irc});
  CHECK(to(message(alice, room("g"))).empty());
  CHECK(to(member(irc_bob, room("g"), irc_bob, "join")) == numbers{irc});
  CHECK(to(message(alice, room("g"))) == numbers{irc});
  store_all();
  start();
  CHECK(to(message(alice, room("g"))) == numbers{irc});
}

TEST_CASE_FIXTURE(fixture, "I18: one event may be for several services") {
  CHECK(to(message(irc_bob, room("log1"))) == numbers{irc, log_archive});
  to(member(irc_bob, room("log1"), irc_bob, "join"));
  CHECK(to(message(alice, room("log1"))) == numbers{irc, log_archive});
}

TEST_CASE_FIXTURE(fixture, "a room is wanted until the last of a service's "
                           "users has left it") {
  const std::string eve = "@_irc_eve:example.org";
  to(member(eve, room("a"), eve, "join"));
  to(member(eve, room("a"), eve, "join")); // another name or picture
  to(member(irc_bob, room("a"), irc_bob, "leave"));
  CHECK(to(message(alice, room("a"))) == numbers{irc});
  to(member(eve, room("a"), eve, "leave"));
  CHECK(to(message(alice, room("a"))).empty());
}

TEST_CASE_FIXTURE(fixture, "changes that are given up are as if they had not "
                           "been") {
  to(message(alice, room("a")));
  to(member(alice, room("a"), irc_bob, "leave"));
  to(member(irc_bob, room("b"), irc_bob, "join"));
  to(aliased(room("e"), {}));
  aut->given_up();
  CHECK(aut->changes().empty());
  CHECK(to(message(alice, room("a"))) == numbers{irc});
  CHECK(to(message(alice, room("b"))).empty());
  CHECK(to(message(alice, room("e"))) == numbers{irc});
}

TEST_CASE_FIXTURE(fixture, "a room is read once, and again when somebody else "
                           "changed it") {
  for (int i = 0; i < 5; ++i)
    to(message(alice, room("a")));
  CHECK(store->rooms_read == 1);
  store->members[room("a")][irc_bob].first = false;
  CHECK(to(message(alice, room("a"))) == numbers{irc});
  aut->forget({{{room("a"), irc_bob, false}}, {}});
  CHECK(to(message(alice, room("a"))).empty());
  CHECK(store->rooms_read == 2);
}

TEST_CASE_FIXTURE(fixture, "what is remembered is bounded") {
  start(100 * 32);
  for (int i = 0; i < 1'000; ++i) {
    to(message(alice, room(std::to_string(i))));
    REQUIRE(aut->remembered() <= 100);
  }
  CHECK(aut->remembered() >= 50);
}

TEST_CASE_FIXTURE(fixture, "a membership that cannot be is left aside") {
  const std::string long_id = "@_irc_" + std::string(250, 'x') + ":example.org";
  to(member(irc_bob, "", irc_bob, "join"));
  to(member(irc_bob, room("g"), irc_bob, ""));
  to(member(long_id, room("g"), long_id, "join"));
  to(member(irc_bob, room(std::string(250, 'g')), irc_bob, "join"));
  CHECK(aut->changes().empty());
}

TEST_CASE_FIXTURE(fixture, "what the store cannot say is an error, not a "
                           "decision") {
  store->reading_fails = true;
  numbers nobody;
  CHECK(is(aut->decide(message(alice, room("a")), nobody), ec::store_failed));
}

TEST_SUITE_END();
