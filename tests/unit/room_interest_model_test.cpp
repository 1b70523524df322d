// SPDX-License-Identifier: Apache-2.0
// Random histories of rooms, against a model that goes through all of the
// history for each event. POSTHORN_HISTORIES says how many (300).
#include "actors/sorter/room_interest.hpp"
#include "tests/support/fake_store.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <iostream>
#include <set>

using namespace posthorn;
using namespace posthorn::testing;

namespace {

constexpr int services = 10;
constexpr int rooms = 50;
/// Services 1 to this are told of those they share a room with.
constexpr int told_max = 7;

using numbers = std::vector<service_no>;

/// What a history is made of.
struct step {
  enum kind { event, asked, page_stored, page_lost, started_anew } what = event;

  event_fields fields;
  /// asked: with whom this user shares a room.
  std::string user;
};

std::ostream& operator<<(std::ostream& out, const step& x) {
  constexpr const char* words[] = {"event", "asked", "stored", "lost", "anew"};
  out << words[x.what] << ' ' << x.user;
  if (x.what == step::event)
    out << ' ' << x.fields.type << ' ' << x.fields.room_id << ' '
        << x.fields.sender << ' ' << x.fields.state_key << ' '
        << x.fields.membership;
  for (const auto& each : x.fields.aliases)
    out << ' ' << each;
  return out;
}

/// Service n wants users @s<n>_..., its bot @bot<n>:x, aliases #s<n>_... and
/// rooms !r<n>-...: so room !r7-... is service 7's.
bool wants_user(service_no n, std::string_view user) {
  const auto text = std::to_string(n);
  return user.starts_with("@s" + text + "_") || user == "@bot" + text + ":x";
}

bool wants_alias(service_no n, std::string_view alias) {
  return alias.starts_with("#s" + std::to_string(n) + "_");
}

bool wants_room(service_no n, std::string_view room) {
  return room.starts_with("!r" + std::to_string(n) + "-");
}

bool is_here(std::string_view id) {
  return id.ends_with(":x");
}

/// A room after a history.
struct room_state {
  std::map<std::string, bool> joined;
  std::vector<std::string> aliases;
};

room_state state_of(const std::vector<event_fields>& history,
                    const std::string& room) {
  room_state result;
  for (const auto& each : history) {
    if (each.room_id != room)
      continue;
    if (each.type == "m.room.member")
      result.joined[each.state_key] = each.membership == "join";
    else if (each.type == "m.room.canonical_alias")
      result.aliases = each.aliases;
  }
  return result;
}

bool wants_state(service_no n, const std::string& room,
                 const room_state& where) {
  bool wanted = wants_room(n, room);
  for (const auto& [user, is_joined] : where.joined)
    wanted = wanted || (is_joined && is_here(user) && wants_user(n, user));
  for (const auto& alias : where.aliases)
    wanted = wanted || (is_here(alias) && wants_alias(n, alias));
  return wanted;
}

/// The rule, event by event, without any memory.
numbers expected(const std::vector<event_fields>& history) {
  const auto& last = history.back();
  const auto where = state_of(history, last.room_id);
  numbers result;
  for (service_no n = 1; n <= services; ++n)
    if (wants_user(n, last.sender) || wants_state(n, last.room_id, where)
        || (last.type == "m.room.member" && wants_user(n, last.state_key)))
      result.push_back(n);
  return result;
}

/// The services up to `told_max` that want a room which the user is joined to.
numbers expected_sharing(const std::vector<event_fields>& history,
                         const std::string& user) {
  std::map<std::string, bool> own;
  for (const auto& each : history)
    if (each.type == "m.room.member" && each.state_key == user)
      own[each.room_id] = each.membership == "join";
  std::set<service_no> result;
  for (const auto& [room, joined] : own) {
    if (!joined)
      continue;
    const auto where = state_of(history, room);
    for (service_no n = 1; n <= told_max; ++n)
      if (wants_state(n, room, where))
        result.insert(n);
  }
  return {result.begin(), result.end()};
}

// -- random histories ---------------------------------------------------------

/// From `first` to before `end`, whatever the size of the rest: inRange() alone
/// stays near `first` in short histories.
rc::Gen<int> between(int first, int end) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange(first, end));
}

std::string user_of(const std::tuple<int, int, int>& from) {
  const auto [service, which, place] = from;
  const auto number = std::to_string(service);
  const std::string server = place == 0 ? ":y" : ":x";
  return which == 3 ? "@bot" + number + server
                    : "@s" + number + "_" + std::to_string(which) + server;
}

/// Half of them are of a few, who meet again and again.
rc::Gen<std::string> any_user() {
  return rc::gen::weightedOneOf<std::string>(
    {{1, rc::gen::map(rc::gen::tuple(between(0, services + 2), between(0, 4),
                                     between(0, 6)),
                      user_of)},
     {1,
      rc::gen::map(rc::gen::tuple(between(1, 4), between(0, 2), between(0, 2)),
                   user_of)}});
}

rc::Gen<std::vector<std::string>> any_aliases() {
  return rc::gen::resize(
    3, rc::gen::container<std::vector<std::string>>(
         rc::gen::map(rc::gen::tuple(between(0, services + 2), between(0, 6)),
                      [](const std::tuple<int, int>& from) {
                        return "#s" + std::to_string(std::get<0>(from)) + "_a"
                               + (std::get<1>(from) == 0 ? ":y" : ":x");
                      })));
}

/// Half of all happens in three rooms, so that something follows from it.
rc::Gen<int> any_room() {
  return rc::gen::weightedOneOf<int>(
    {{1, between(0, rooms)}, {1, between(4, 7)}});
}

rc::Gen<event_fields> any_event() {
  const auto what
    = rc::gen::weightedElement<std::string>({{5, "m.room.message"},
                                             {6, "m.room.member"},
                                             {2, "m.room.canonical_alias"}});
  const auto membership = rc::gen::weightedElement<std::string>(
    {{6, "join"}, {3, "leave"}, {1, "ban"}, {1, "invite"}, {1, "knock"}});
  return rc::gen::map(
    rc::gen::tuple(what, any_room(), any_user(), any_user(), membership,
                   any_aliases()),
    [](const std::tuple<std::string, int, std::string, std::string, std::string,
                        std::vector<std::string>>& from) {
      const auto& [type, room, sender, target, how, aliases] = from;
      event_fields result;
      result.type = type;
      // Most rooms are no service's own.
      result.room_id = (room < 5 ? "!r" + std::to_string(room) + "-" : "!")
                       + std::to_string(room) + ":x";
      result.sender = sender;
      result.has_state_key = type != "m.room.message";
      if (type == "m.room.member") {
        result.state_key = target;
        result.membership = how;
      } else if (type == "m.room.canonical_alias") {
        result.aliases = aliases;
      }
      return result;
    });
}

rc::Gen<step> any_step() {
  const auto control = [](step::kind what) {
    return rc::gen::just(step{what, {}, {}});
  };
  return rc::gen::weightedOneOf<step>(
    {{24, rc::gen::map(any_event(),
                       [](event_fields fields) {
                         return step{step::event, std::move(fields), {}};
                       })},
     {8, rc::gen::map(any_user(),
                      [](std::string user) {
                        return step{step::asked, {}, std::move(user)};
                      })},
     {2, control(step::page_stored)},
     {1, control(step::page_lost)},
     {1, control(step::started_anew)}});
}

// -- the thing under test -----------------------------------------------------

/// The answers to questions about names, by going through all services.
name_interest names() {
  const auto ask = [](bool (*wants)(service_no, std::string_view)) {
    return [wants,
            answer = numbers{}](std::string_view id) mutable -> const numbers& {
      answer.clear();
      for (service_no n = 1; n <= services; ++n)
        if (wants(n, id))
          answer.push_back(n);
      return answer;
    };
  };
  return {ask(wants_user), ask(wants_room), ask(wants_alias)};
}

/// A sorter's dealings with a store.
struct sorting {
  sorting() {
    start();
  }

  void start() {
    // Room for about eight rooms: some are kept in step for long, and others
    // are read again all the time.
    room_interest_options options{"x", 16 * 36, {}};
    for (service_no n = 1; n <= told_max; ++n)
      options.told.push_back(n);
    aut = std::make_unique<room_interest>(names(), store, options);
  }

  void store_page() {
    auto what = std::make_shared<routing>();
    what->epoch = store->current_epoch;
    what->from = store->at;
    what->to = store->at + 1;
    what->rooms = aut->changes();
    const std::vector<storage::mutation> work{storage::route{what}};
    RC_ASSERT(bool{store->commit(work).front()});
    aut->stored();
    stored = history.size();
  }

  void ask(const std::string& user) {
    numbers to;
    RC_ASSERT(!aut->sharing(user, to));
    RC_ASSERT(to == expected_sharing(history, user));
  }

  void lose_page() {
    aut->given_up();
    history.resize(stored);
  }

  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  std::unique_ptr<room_interest> aut;
  std::vector<event_fields> history;
  /// How much of the history is stored.
  std::size_t stored = 0;
};

void agrees(const std::vector<step>& steps) {
  sorting run;
  for (const auto& each : steps) {
    if (each.what == step::page_stored) {
      run.store_page();
    } else if (each.what == step::page_lost) {
      run.lose_page();
    } else if (each.what == step::started_anew) {
      run.lose_page();
      run.start();
    } else if (each.what == step::asked) {
      run.ask(each.user);
    } else {
      run.history.push_back(each.fields);
      numbers to;
      RC_ASSERT(!run.aut->decide(each.fields, to));
      RC_ASSERT(to == expected(run.history));
      // Of these an answer is remembered at all times, to be wrong if it can.
      for (const auto* user : {"@s1_0:x", "@s2_0:y", "@s11_0:x"})
        run.ask(user);
    }
  }
}

} // namespace

TEST_CASE("whatever happens in rooms, each event is for whom the rule says, "
          "and whom a user shares rooms with is known, over pages that are "
          "stored, lost or sorted anew") {
  const auto* wanted = std::getenv("POSTHORN_HISTORIES");
  rc::detail::TestParams params;
  params.seed = 20'150'306;
  params.maxSuccess = wanted != nullptr ? std::atoi(wanted) : 300;
  params.maxSize = 200;
  const auto result = rc::detail::checkTestable(
    [] { agrees(*rc::gen::container<std::vector<step>>(any_step())); },
    rc::detail::TestMetadata{"rooms", "random histories"}, params);
  rc::detail::printResultMessage(result, std::cerr);
  std::cerr << '\n';
  CHECK(result.is<rc::detail::SuccessResult>());
}
