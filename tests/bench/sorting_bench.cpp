// SPDX-License-Identifier: Apache-2.0
// How many events of the catch-all feed are decided in a second, by how many
// services there are, with 1,000,000 memberships in the store.
//
// Rooms are 100,000 with ten local users each, one of which is some service's.
// Each service has five patterns: two of users, two of aliases, one of rooms.
// One event in ten is a join or a leave.
#include "actors/sorter/namespaces.hpp"
#include "actors/sorter/room_interest.hpp"
#include "storage/lmdb/lmdb_store.hpp"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace posthorn;
namespace fs = std::filesystem;

constexpr int room_count = 100'000;
constexpr int users_in_room = 10;
constexpr int bridges = 1'000;

void require(bool what, const char* why) {
  if (what)
    return;
  std::fprintf(stderr, "%s\n", why);
  std::abort();
}

std::string room_id(int room) {
  return "!" + std::to_string(room) + "abcdefghijklmnop:example.org";
}

std::string user_id(int room, int user) {
  const auto number = std::to_string(room * users_in_room + user);
  if (user > 0)
    return "@user" + number + ":example.org";
  return "@bridge" + std::to_string(room % bridges) + "_" + number
         + ":example.org";
}

/// The store with all memberships, made once.
class filled_store {
public:
  filled_store() {
    auto pattern = (fs::temp_directory_path() / "posthorn-XXXXXX").string();
    require(mkdtemp(pattern.data()) != nullptr, "cannot make a directory");
    path_ = pattern;
    storage::lmdb_options options;
    options.directory = path_ / "store";
    auto opened = storage::open_lmdb(std::move(options));
    require(bool{opened}, "cannot open the store");
    store = std::move(*opened);
    session_request asked;
    asked.node = "bench";
    const std::vector<storage::mutation> opening{storage::open_session{asked}};
    const auto number
      = std::get<session>(*store->commit(opening).front()).number;
    const lease_request wanted{"sorter", "bench", number};
    const std::vector<storage::mutation> taking{storage::take_lease{wanted}};
    const auto epoch = std::get<lease>(*store->commit(taking).front()).epoch;
    auto what = std::make_shared<room_changes>();
    for (int room = 0; room < room_count; ++room) {
      for (int user = 0; user < users_in_room; ++user)
        what->memberships.push_back({room_id(room), user_id(room, user), true});
      if (what->memberships.size() < 50'000 && room + 1 < room_count)
        continue;
      const std::vector<storage::mutation> work{storage::learn{epoch, what}};
      require(bool{store->commit(work).front()}, "cannot fill the store");
      what = std::make_shared<room_changes>();
    }
  }

  filled_store(const filled_store&) = delete;
  filled_store& operator=(const filled_store&) = delete;

  ~filled_store() {
    store.reset();
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  std::shared_ptr<storage::store> store;

private:
  fs::path path_;
};

filled_store& the_store() {
  static filled_store result;
  return result;
}

std::shared_ptr<interest> make_matcher(int services) {
  auto result = std::make_shared<interest>("example.org");
  for (int n = 0; n < services; ++n) {
    const auto text = std::to_string(n);
    registration what;
    what.id = "bridge" + text;
    what.sender_localpart = "bridge" + text + "bot";
    what.users = {{"@bridge" + text + R"(_.*:example\.org)", true},
                  {"@old" + text + R"(_[0-9a-f]+:example\.org)", true}};
    what.aliases = {{"#bridge" + text + R"(_.*:example\.org)", true},
                    {"#old" + text + "_.*", false}};
    what.rooms = {{"!bridge" + text + R"(_.*:example\.org)", false}};
    require(!result->add(static_cast<service_no>(n + 1), what), "bad pattern");
  }
  result->build();
  return result;
}

name_interest names_of(const std::shared_ptr<interest>& matcher) {
  name_interest result;
  result.users = [matcher](std::string_view user) -> const auto& {
    return matcher->users_of(user);
  };
  result.rooms = [matcher](std::string_view room) -> const auto& {
    return matcher->rooms_of(room);
  };
  result.aliases = [matcher](std::string_view alias) -> const auto& {
    return matcher->aliases_of(alias);
  };
  return result;
}

std::vector<event_fields> random_events(int rooms) {
  std::mt19937 random{1};
  std::vector<event_fields> result(100'000);
  for (auto& each : result) {
    const auto room = static_cast<int>(random() % static_cast<unsigned>(rooms));
    const auto user = static_cast<int>(random() % users_in_room);
    each.type = "m.room.message";
    each.room_id = room_id(room);
    each.sender = user_id(room, user);
    if (random() % 10 > 0)
      continue;
    each.type = "m.room.member";
    each.has_state_key = true;
    each.state_key = each.sender;
    each.membership = random() % 2 == 0 ? "join" : "leave";
  }
  return result;
}

/// Arguments: services; rooms in which something happens.
void decide_events(benchmark::State& state) {
  room_interest_options options;
  options.server_name = "example.org";
  room_interest aut{names_of(make_matcher(static_cast<int>(state.range(0)))),
                    the_store().store, options};
  const auto events = random_events(static_cast<int>(state.range(1)));
  std::size_t at = 0;
  std::vector<service_no> to;
  for (auto _ : state) {
    to.clear();
    require(!aut.decide(events[at], to), "cannot decide");
    benchmark::DoNotOptimize(to.data());
    // The end of a page. Nothing is stored, so that each run begins alike; who
    // leaves twice then costs reading the room again.
    if (++at % 10'000 == 0)
      aut.stored();
    at %= events.size();
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(decide_events)
  ->ArgNames({"services", "rooms"})
  ->ArgsProduct({{1, 100, 1'000}, {1'000, room_count}});

} // namespace

BENCHMARK_MAIN();
