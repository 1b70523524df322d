// SPDX-License-Identifier: Apache-2.0
// For whom the parts of a transaction are that are not events.
#include "actors/sorter/part_sorting.hpp"
#include "messages/errors.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace posthorn;

namespace {

using numbers = std::vector<service_no>;

constexpr service_no irc = 1;
constexpr service_no log_ = 2;
constexpr service_no ghost = 3;

/// Services that have users and rooms by name; all with all flags until a case
/// says otherwise.
struct fixture {
  fixture() {
    for (const auto* id : {"irc", "log", "ghost"}) {
      auto config = std::make_shared<service_config>();
      config->registration.id = id;
      config->registration.receive_ephemeral = true;
      config->registration.device_lists = true;
      configs.push_back(config);
      known.add({static_cast<service_no>(configs.size()), id, config, {}});
    }
    known.parts.users = asked(users);
    known.parts.rooms = asked(rooms);
    known.parts.sharing = asked(sharing);
    users["@_irc_bob"] = {irc};
    users["@ghostbot"] = {ghost};
    rooms["!a"] = {irc};
    rooms["!log1"] = {log_};
    rooms["!both"] = {irc, log_};
  }

  part_interest::question asked(std::map<std::string, numbers>& where) {
    return [this, &where](const std::string& id, numbers& to) {
      if (failing)
        return fault(ec::store_failed, "I/O error");
      const auto found = where.find(id);
      if (found != where.end())
        to.insert(to.end(), found->second.begin(), found->second.end());
      return caf::error{};
    };
  }

  void put(item_kind kind, std::string json) {
    entry.position = 5;
    entry.kinds.push_back(kind);
    entry.sizes.push_back(static_cast<std::uint32_t>(json.size()));
    entry.json.push_back(std::move(json));
  }

  void edu(std::string json) {
    put(item_kind::ephemeral, std::move(json));
  }

  /// Sorts what was put, as if it had come on the catch-all feed or for one
  /// service.
  std::vector<parcel> sorted(service_no addressee = 0) {
    part_sorting aut{known, 7, parcels, addressed};
    if (addressee != 0)
      REQUIRE(!aut.add_addressed(entry, addressee));
    else
      for (std::uint32_t i = 0; i < entry.kinds.size(); ++i)
        REQUIRE(!aut.add(entry, i));
    entry = {};
    return parcels.take();
  }

  /// What each service gets, as JSON.
  std::map<service_no, std::vector<std::string>> got(service_no addressee = 0) {
    const auto from = entry;
    std::map<service_no, std::vector<std::string>> result;
    for (const auto& each : sorted(addressee))
      for (auto to : each.to) {
        if (each.made)
          result[to].push_back(each.made->json);
        for (const auto& piece : each.pieces)
          for (auto i = piece.first; i < piece.first + piece.count; ++i)
            result[to].push_back(from.json[i]);
      }
    return result;
  }

  directory known;
  std::vector<std::shared_ptr<service_config>> configs;
  std::map<std::string, numbers> users;
  std::map<std::string, numbers> rooms;
  std::map<std::string, numbers> sharing;
  bool failing = false;
  pool_entry entry;
  parcel_builder parcels;
  std::set<service_no> addressed;
};

std::string typing(const std::string& room) {
  return R"({"type":"m.typing","room_id":")" + room
         + R"(","content":{"user_ids":["@alice"]}})";
}

std::string presence(const std::string& user, int n = 0) {
  return R"({"type":"m.presence","sender":")" + user + R"(","content":{"n":)"
         + std::to_string(n) + "}}";
}

std::string receipts(const std::string& room, const std::string& content) {
  return R"({"type":"m.receipt","room_id":")" + room + R"(","content":)"
         + content + "}";
}

} // namespace

TEST_SUITE_BEGIN("part sorting");

TEST_CASE_FIXTURE(fixture,
                  "I19: typing goes to the services that want the room "
                  "and have an ephemeral flag") {
  configs[1]->registration.receive_ephemeral = false;
  edu(typing("!both"));
  edu(typing("!b"));
  auto done = sorted();
  REQUIRE(done.size() == 1);
  CHECK(done[0].to == numbers{irc});
  CHECK(done[0].fresh.subject != 0);
  CHECK(done[0].fresh.lifetime == std::chrono::seconds{30});
  CHECK(addressed == std::set<service_no>{irc});
  configs[1]->registration.push_ephemeral = true;
  edu(typing("!both"));
  CHECK(sorted()[0].to == numbers{irc, log_});
}

TEST_CASE_FIXTURE(fixture, "I20: a private receipt goes to services that have "
                           "its user as their own, and to no other") {
  const std::string bob = R"({"$1":{"m.read.private":{"@_irc_bob":{}}}})";
  const std::string alice
    = R"({"$1":{"m.read":{"@alice":{}},"m.read.private":{"@alice":{}}}})";
  const auto open = receipts("!both", R"({"$1":{"m.read":{"@alice":{}}}})");
  edu(receipts("!both", bob));
  edu(receipts("!both", alice));
  auto catch_all = got();
  CHECK(catch_all[irc] == std::vector{receipts("!both", bob), open});
  CHECK(catch_all[log_] == std::vector{open});
  edu(receipts("!x", bob));
  edu(receipts("!both", alice));
  auto for_irc = got(irc);
  CHECK(for_irc[irc] == std::vector{receipts("!x", bob), open});
  edu(receipts("!x", bob));
  CHECK(got(log_).empty());
}

TEST_CASE_FIXTURE(fixture, "I21: presence goes to the services of its sender "
                           "and to those that share a room with it") {
  sharing["@alice"] = {ghost, log_, irc, irc};
  edu(presence("@alice"));
  CHECK(sorted()[0].to == numbers{irc, log_, ghost});
  edu(presence("@carol:remote.tld"));
  CHECK(sorted().empty());
  known.parts.sharing = nullptr;
  edu(presence("@alice"));
  edu(presence("@_irc_bob"));
  auto done = sorted();
  REQUIRE(done.size() == 1);
  CHECK(done[0].to == numbers{irc});
}

TEST_CASE_FIXTURE(fixture, "I22: of a presence change that comes three times "
                           "one is kept") {
  for (int n = 1; n <= 3; ++n)
    edu(presence("@_irc_bob", n));
  CHECK(got()[irc] == std::vector{presence("@_irc_bob", 3)});
}

TEST_CASE_FIXTURE(fixture, "I23: a to-device message goes to the services of "
                           "its recipient, not of its sender, and is for "
                           "keeps") {
  const std::string to_bob = R"({"sender":"@alice","to_user_id":"@_irc_bob",)"
                             R"("to_device_id":"D1"})";
  put(item_kind::to_device, to_bob);
  put(item_kind::to_device, to_bob);
  put(item_kind::to_device, R"({"sender":"@_irc_bob","to_user_id":"@alice",)"
                            R"("to_device_id":"D1"})");
  auto done = sorted();
  REQUIRE(done.size() == 1);
  CHECK(done[0].to == numbers{irc});
  CHECK(done[0].items == 2);
  CHECK(done[0].fresh.subject == 0);
  configs[0]->registration.receive_ephemeral = false;
  put(item_kind::to_device, to_bob);
  CHECK(sorted().empty());
  // On its own feed the homeserver has decided.
  put(item_kind::to_device, to_bob);
  CHECK(sorted(irc).size() == 1);
}

TEST_CASE_FIXTURE(fixture, "D25: device lists are filtered to the users that a "
                           "service has or shares a room with") {
  sharing["@alice"] = {log_};
  put(item_kind::device_lists,
      R"({"changed":["@_irc_bob","@alice","@x"],"left":["@ghostbot"]})");
  auto each = got();
  const auto changed = [](const std::string& user) {
    return R"({"changed":[")" + user + R"("],"left":[]})";
  };
  CHECK(each[irc] == std::vector{changed("@_irc_bob")});
  CHECK(each[log_] == std::vector{changed("@alice")});
  CHECK(each[ghost]
        == std::vector<std::string>{R"({"changed":[],"left":["@ghostbot"]})"});
  configs[0]->registration.device_lists = false;
  put(item_kind::device_lists, changed("@_irc_bob"));
  CHECK(sorted().empty());
}

TEST_CASE_FIXTURE(fixture,
                  "D26: key counts and fallback keys are filtered to a "
                  "service's own users") {
  sharing["@alice"] = {log_};
  put(item_kind::key_counts, R"({"@_irc_bob":{"D":{}},"@alice":{"D":{}}})");
  put(item_kind::fallback_keys, R"({"@alice":{},"@_irc_bob":{"D":[]}})");
  auto each = got();
  CHECK(each.size() == 1);
  CHECK(each[irc]
        == std::vector<std::string>{R"({"@_irc_bob":{"D":{}}})",
                                    R"({"@_irc_bob":{"D":[]}})"});
  put(item_kind::key_counts, "{}");
  CHECK(got(irc).empty());
}

TEST_CASE_FIXTURE(fixture,
                  "receipts replace each other by room, user, type and "
                  "thread") {
  const auto one = [](const char* event, const char* type, const char* user,
                      const char* thread) {
    return std::string{R"({")"} + event + R"(":{")" + type + R"(":{")" + user
           + R"(":{"thread_id":")" + thread + R"("}}}})";
  };
  edu(receipts("!both", one("$1", "m.read", "@a", "main")));
  edu(receipts("!a", one("$2", "m.read", "@a", "main")));
  edu(receipts("!both", one("$3", "m.read", "@b", "main")));
  edu(receipts("!both", one("$4", "m.read", "@a", "$t")));
  edu(receipts("!both", one("$5", "m.other", "@a", "main")));
  const auto last = receipts("!both", one("$6", "m.read", "@a", "main"));
  edu(last);
  auto for_log = got()[log_];
  CHECK(for_log.size() == 4);
  CHECK(for_log[0] == last);
}

TEST_CASE_FIXTURE(fixture, "ephemeral data of types that nobody knows goes by "
                           "its room, or else by its sender") {
  sharing["@alice"] = {log_};
  edu(R"({"type":"org.new","room_id":"!a","sender":"@alice"})");
  edu(R"({"type":"org.new","sender":"@alice"})");
  edu(R"({"type":"org.new"})");
  auto done = sorted();
  REQUIRE(done.size() == 2);
  CHECK(done[0].to == numbers{irc});
  CHECK(done[1].to == numbers{log_});
  CHECK(done[0].fresh.subject != done[1].fresh.subject);
  CHECK(done[0].fresh.lifetime.count() == 0);
}

TEST_CASE_FIXTURE(fixture, "on an addressed feed all that has no newer word "
                           "stays in runs, and nothing goes elsewhere") {
  entry.kinds.assign(3, item_kind::event);
  entry.sizes.assign(3, 10);
  entry.json.assign(3, "");
  edu(typing("!nobody's"));
  put(item_kind::to_device, R"({"to_user_id":"@x","to_device_id":"D"})");
  put(item_kind::device_lists, R"({"changed":["@x","@y"]})");
  auto done = sorted(irc);
  REQUIRE(done.size() == 4);
  for (const auto& each : done)
    CHECK(each.to == numbers{irc});
  // Events and the to-device message, then what has a subject.
  CHECK(done[0].items == 4);
  CHECK(done[0].pieces.size() == 2);
  CHECK(done[1].fresh.lifetime.count() > 0);
  CHECK(done[2].made);
  CHECK(done[3].made);
  configs[0]->registration.receive_ephemeral = false;
  edu(typing("!a"));
  CHECK(sorted(irc).empty());
}

TEST_CASE_FIXTURE(fixture, "where a question to the directory fails, the page "
                           "is given up") {
  failing = true;
  edu(typing("!a"));
  part_sorting aut{known, 7, parcels, addressed};
  CHECK(is(aut.add(entry, 0), ec::store_failed));
}

TEST_CASE("an item with a subject only takes the place of one that the same "
          "services get") {
  parcel_builder aut;
  freshness fresh;
  fresh.subject = 9;
  const auto add = [&](const char* json, const numbers& to) {
    aut.add_newest({item_kind::ephemeral, json, 1}, to, fresh);
  };
  add("1", {1});
  add("2", {1, 2});
  add("3", {1});
  add("4", {1});
  auto done = aut.take();
  REQUIRE(done.size() == 3);
  CHECK(done[0].made->json == "1");
  CHECK(done[1].made->json == "2");
  CHECK(done[2].made->json == "4");
  add("5", {1});
  CHECK(aut.take().size() == 1);
}

TEST_SUITE_END();
