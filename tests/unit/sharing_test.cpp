// SPDX-License-Identifier: Apache-2.0
// For whom presence and device lists are, with everything that decides it: the
// namespaces, who is in which room, and the flags of the registrations.
#include "actors/sorter/interest_wiring.hpp"
#include "actors/sorter/part_sorting.hpp"
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
const std::string carol = "@carol:remote.tld";

/// A short room name in full.
std::string room(const std::string& name) {
  return "!" + name + ":example.org";
}

event_fields member(const std::string& where, const std::string& user,
                    const std::string& membership) {
  event_fields result;
  result.type = "m.room.member";
  result.sender = user;
  result.room_id = room(where);
  result.has_state_key = true;
  result.state_key = user;
  result.membership = membership;
  return result;
}

/// The services and rooms of the vectors in docs/matrix.md.
struct fixture {
  fixture() {
    add("irc", {"@_irc_.*"}, {R"(#_irc_.*:example\.org)"}, {});
    add("log", {}, {}, {"!log"});
    add("tg", {R"(@tg_[0-9]+:example\.org)"}, {}, {});
    add("ghost", {}, {}, {});
    for (const auto& [where, user] :
         {std::pair{"a", alice},
          {"a", irc_bob},
          {"b", alice},
          {"d", alice},
          {"d", std::string{"@ghostbot:example.org"}},
          {"e", alice},
          {"log1", alice}})
      store->members[room(where)][user] = {true, true};
    store->others[room("b")][carol] = {true, true};
    start();
  }

  void add(const std::string& id, const std::vector<std::string>& users,
           const std::vector<std::string>& aliases,
           const std::vector<std::string>& rooms) {
    auto config = std::make_shared<service_config>();
    auto& what = config->registration;
    what.id = id;
    what.url = "http://" + id;
    what.sender_localpart = id + "bot";
    what.receive_ephemeral = true;
    what.device_lists = true;
    for (const auto& each : users)
      what.users.push_back({each, true});
    for (const auto& each : aliases)
      what.aliases.push_back({each, true});
    for (const auto& each : rooms)
      what.rooms.push_back({each, false});
    configs.push_back(std::move(config));
  }

  /// Anew, by what the registrations say now.
  void start() {
    known = {};
    for (const auto& config : configs)
      known.add({static_cast<service_no>(known.services.size() + 1),
                 config->registration.id,
                 config,
                 {}});
    REQUIRE(!add_interest(known, "example.org", store));
  }

  /// The feed says this.
  void say(const event_fields& event) {
    numbers nobody;
    REQUIRE(!known.rooms->decide(event, nobody));
  }

  /// What each service gets of an item, as JSON.
  std::map<service_no, std::vector<std::string>> got(item_kind kind,
                                                     std::string json) {
    pool_entry entry;
    entry.kinds.push_back(kind);
    entry.sizes.push_back(static_cast<std::uint32_t>(json.size()));
    entry.json.push_back(std::move(json));
    parcel_builder parcels;
    std::set<service_no> addressed;
    part_sorting aut{known, 7, parcels, addressed};
    REQUIRE(!aut.add(entry, 0));
    std::map<service_no, std::vector<std::string>> result;
    for (const auto& each : parcels.take())
      for (auto to : each.to)
        result[to].push_back(each.made ? each.made->json : entry.json[0]);
    return result;
  }

  /// Who is told of a user's presence.
  numbers told_of(const std::string& user) {
    numbers result;
    for (const auto& [to, items] :
         got(item_kind::ephemeral, R"({"type":"m.presence","sender":")" + user
                                     + R"(","content":{}})")) {
      CHECK(items.size() == 1);
      result.push_back(to);
    }
    return result;
  }

  directory known;
  std::vector<std::shared_ptr<service_config>> configs;
  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
};

} // namespace

TEST_SUITE_BEGIN("sharing");

TEST_CASE_FIXTURE(fixture,
                  "I21: presence goes to the services that want a room "
                  "which its sender is in") {
  CHECK(told_of(alice) == numbers{irc, log_archive, ghost});
  CHECK(told_of(carol).empty());
  CHECK(told_of("@tg_12:example.org") == numbers{tg});
}

TEST_CASE_FIXTURE(fixture, "I21: a user of another homeserver counts by the "
                           "rooms it is in, and by its name") {
  say(member("a", carol, "join"));
  CHECK(told_of(carol) == numbers{irc});
  say(member("a", carol, "leave"));
  CHECK(told_of(carol).empty());
  CHECK(told_of("@_irc_eve:remote.tld") == numbers{irc});
}

TEST_CASE_FIXTURE(fixture,
                  "I21: what a room is wanted for counts as it is now: "
                  "members, aliases, the user's own leaving") {
  CHECK(told_of(alice) == numbers{irc, log_archive, ghost});
  say(member("a", irc_bob, "leave"));
  CHECK(told_of(alice) == numbers{log_archive, ghost});
  auto named = member("e", alice, "");
  named.type = "m.room.canonical_alias";
  named.state_key.clear();
  named.aliases = {"#_irc_chan:example.org"};
  say(named);
  CHECK(told_of(alice) == numbers{irc, log_archive, ghost});
  say(member("d", alice, "ban"));
  CHECK(told_of(alice) == numbers{irc, log_archive});
  known.rooms->given_up();
  CHECK(told_of(alice) == numbers{irc, log_archive, ghost});
}

TEST_CASE_FIXTURE(fixture, "I22: a presence change that several users of a "
                           "service see is one item") {
  for (const auto* user :
       {"@_irc_1:example.org", "@_irc_2:example.org", "@_irc_3:example.org"}) {
    say(member("a", user, "join"));
    say(member("b", user, "join"));
  }
  // told_of() checks that nobody gets two.
  CHECK(told_of(alice) == numbers{irc, log_archive, ghost});
}

TEST_CASE_FIXTURE(fixture, "D25: device lists are told of users that share a "
                           "room, each service its own part") {
  say(member("log1", carol, "join"));
  auto each
    = got(item_kind::device_lists,
          R"({"changed":["@alice:example.org","@_irc_bob:example.org"],)"
          R"("left":["@carol:remote.tld"]})");
  const std::string of_alice
    = R"({"changed":["@alice:example.org"],"left":[]})";
  CHECK(each[irc]
        == std::vector<std::string>{
          of_alice, R"({"changed":["@_irc_bob:example.org"],"left":[]})"});
  CHECK(each[log_archive]
        == std::vector<std::string>{
          of_alice, R"({"changed":[],"left":["@carol:remote.tld"]})"});
  CHECK(each[ghost] == std::vector<std::string>{of_alice});
  CHECK(each[tg].empty());
}

TEST_CASE_FIXTURE(fixture,
                  "where no service is registered for it, nobody looks "
                  "for whom a user shares rooms with") {
  for (const auto& each : configs) {
    each->registration.receive_ephemeral = false;
    each->registration.device_lists = false;
  }
  start();
  CHECK(told_of(alice).empty());
  CHECK(store->users_read == 0);
}

TEST_CASE_FIXTURE(fixture, "a service without a url is told of nobody") {
  configs[0]->registration.url.reset();
  start();
  CHECK(told_of(alice) == numbers{log_archive, ghost});
  CHECK(told_of(irc_bob).empty());
}

TEST_CASE_FIXTURE(fixture, "a user's rooms are read once, and again when that "
                           "may have changed") {
  for (int i = 0; i < 5; ++i)
    told_of(alice);
  CHECK(store->users_read == 1);
  // Neither another's messages nor one more user of a service in a room.
  say(member("a", "@_irc_eve:example.org", "join"));
  told_of(alice);
  CHECK(store->users_read == 1);
  say(member("b", irc_bob, "join"));
  told_of(alice);
  CHECK(store->users_read == 2);
  store->members[room("a")][irc_bob] = {false, true};
  store->members[room("a")]["@_irc_eve:example.org"] = {false, true};
  known.rooms->given_up();
  known.rooms->forget({{{room("a"), irc_bob, false}}, {}});
  CHECK(told_of(alice) == numbers{log_archive, ghost});
}

TEST_CASE_FIXTURE(fixture, "of a user in thousands of rooms no more are read "
                           "than it takes to find every service") {
  configs[1]->registration.receive_ephemeral = false;
  configs[1]->registration.device_lists = false;
  configs[2]->registration.receive_ephemeral = false;
  configs[2]->registration.device_lists = false;
  start();
  for (int i = 0; i < 5'000; ++i)
    store->members[room("z" + std::to_string(i))][alice] = {true, true};
  CHECK(told_of(alice) == numbers{irc, ghost});
  CHECK(store->rooms_read == 3);
}

TEST_CASE_FIXTURE(fixture, "what the store cannot say of a user is an error") {
  store->reading_fails = true;
  numbers nobody;
  CHECK(is(known.rooms->sharing(alice, nobody), ec::store_failed));
}

TEST_SUITE_END();
