// SPDX-License-Identifier: Apache-2.0
// The service actor and a service that refuses some events: what is cut anew,
// what is set aside, and what stays an outage.
#include "actors/service/service.hpp"
#include "actors/storage/storage_actor.hpp"
#include "tests/support/fake_store.hpp"
#include "tests/support/scripted_courier.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

#include <set>

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

using strings = std::vector<std::string>;
using times = std::vector<long>;

const std::string probe_body = R"({"events":[]})";

answer ended(outcome what, int status = 0, std::string body = "") {
  answer result;
  result.what = what;
  result.status = static_cast<std::uint16_t>(status);
  result.body = std::move(body);
  result.detail = "as told";
  return result;
}

struct fixture : virtual_time {
  fixture() {
    script->clock = [this] { return seconds(); };
    script->react = [this](const exchange& what) { return react(what); };
    writer = spawn(storage_writer, all, store);
    courier = spawn(scripted_courier, script);
    config->registration.id = "irc";
    config->registration.url = "http://bridge:1";
    config->registration.hs_token = "hs/1";
    config->recovery.jitter = false;
  }

  /// Accepts what holds no bad event and is not too large.
  answer react(const exchange& what) {
    const auto& body = *what.body;
    if (down)
      return ended(outcome::unreachable);
    if (body == probe_body)
      return ended(probe);
    if (static_cast<std::size_t>(std::count(body.begin(), body.end(), ' '))
        > events_max)
      return ended(outcome::refused, 413);
    for (const auto& one : bad)
      if (body.find(one + " ") == 0 || body.find(" " + one + " ") < body.size())
        return on_bad;
    std::string word;
    for (auto c : body) {
      if (c != ' ') {
        word += c;
        continue;
      }
      delivered.push_back(std::exchange(word, ""));
    }
    return ended(outcome::accepted, 200);
  }

  void start() {
    service_wiring wiring;
    wiring.who = {1, 1};
    wiring.config = config;
    wiring.writer = writer;
    wiring.courier = courier;
    wiring.spread = [] { return 0.0; };
    wiring.wall_clock
      = [this] { return wall_begin + std::chrono::seconds{seconds()}; };
    aut = spawn(service, all, wiring);
    run();
  }

  /// The node dies, and another one takes up where the store stands.
  void restart() {
    self->send_exit(aut, caf::exit_reason::kill);
    run();
    start();
  }

  void arrive(int n) {
    for (int i = 0; i < n; ++i)
      store->queue.push_back("e" + std::to_string(++events));
    self->send(aut, wake_atom::value);
    run();
  }

  /// e1 to en without those that are bad.
  strings all_but_bad(int n) {
    strings result;
    for (int i = 1; i <= n; ++i)
      if (auto name = "e" + std::to_string(i); bad.count(name) == 0)
        result.push_back(name);
    return result;
  }

  strings dead_names() {
    strings result;
    for (const auto& one : store->dead)
      result.push_back(one.first);
    return result;
  }

  /// No id was ever used for other bytes, and never two requests were open.
  void check_ids() {
    std::map<std::string, std::string> bodies;
    for (const auto& x : script->requests)
      CHECK(bodies.emplace(x.txn_id, x.body).first->second == x.body);
    CHECK(script->open_max == 1);
  }

  std::size_t probes() {
    return static_cast<std::size_t>(
      std::count_if(script->requests.begin(), script->requests.end(),
                    [](const auto& x) { return x.body == probe_body; }));
  }

  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  std::shared_ptr<courier_script> script = std::make_shared<courier_script>();
  std::shared_ptr<service_config> config = std::make_shared<service_config>();
  std::chrono::system_clock::time_point wall_begin{1'700'000'000s};
  storage_actor writer;
  courier_actor courier;
  service_actor aut;
  int events = 0;
  bool down = false;
  std::size_t events_max = 1000;
  std::set<std::string> bad;
  answer on_bad = ended(outcome::refused, 400, R"({"errcode":"M_BAD_JSON"})");
  outcome probe = outcome::accepted;
  strings delivered;
};

} // namespace

TEST_SUITE_BEGIN("poison");

TEST_CASE_FIXTURE(fixture, "D13: 413 cuts smaller under new ids, in order, and "
                           "the events behind go in hundreds again") {
  events_max = 30;
  start();
  store->queue.clear();
  for (int i = 0; i < 100; ++i)
    store->queue.push_back("e" + std::to_string(++events));
  self->send(aut, wake_atom::value);
  run();
  CHECK(delivered == all_but_bad(100));
  CHECK(script->requests.size() == 2 + 4);
  events_max = 1000;
  arrive(100);
  CHECK(delivered == all_but_bad(200));
  CHECK(script->requests.size() == 2 + 4 + 1);
  CHECK(store->dead.empty());
  check_ids();
}

TEST_CASE_FIXTURE(fixture,
                  "D13: one event that alone gets 413 is a dead letter "
                  "with its reason, and the rest flows") {
  bad = {"e40"};
  on_bad = ended(outcome::refused, 413, "<html>nginx</html>");
  start();
  arrive(250);
  CHECK(delivered == all_but_bad(250));
  REQUIRE(store->dead.size() == 1);
  CHECK(store->dead[0].first == "e40");
  CHECK(store->dead[0].second.find("nginx") != std::string::npos);
  CHECK(seconds() == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "D13: one poison event of a hundred is found in at "
                           "most 10 further tries") {
  bad = {"e73"};
  start();
  store->paused = true;
  arrive(150);
  store->paused = false;
  self->send(aut, wake_atom::value);
  run_for(60s);
  CHECK(delivered == all_but_bad(150));
  CHECK(dead_names() == strings{"e73"});
  CHECK(store->dead[0].second.find("M_BAD_JSON") != std::string::npos);
  // Five attempts at the whole, the search, and the fifty behind.
  CHECK(script->requests.size() <= 5 + 10 + 1);
  CHECK(script->requests.back().at == 30);
  CHECK(probes() == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "two poison events of one transaction are both set "
                           "aside") {
  bad = {"e30", "e31"};
  start();
  arrive(100);
  run_for(60s);
  CHECK(delivered == all_but_bad(100));
  CHECK(dead_names() == strings{"e30", "e31"});
  CHECK(store->failures == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "a service that is down for a day before it refuses "
                           "is given all its attempts") {
  bad = {"e2"};
  down = true;
  start();
  arrive(3);
  run_for(24h);
  CHECK(store->dead.empty());
  CHECK(script->requests.size() > 100);
  down = false;
  run_for(3000s);
  CHECK(delivered == strings{"e1", "e3"});
  CHECK(dead_names() == strings{"e2"});
  CHECK(store->refusals == 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "an outage in the middle of a search waits, and the "
                           "search goes on") {
  bad = {"e73"};
  start();
  arrive(100);
  run_for(13s);
  script->react = [this](const exchange& what) {
    // After the first part was accepted.
    auto how = react(what);
    down = !delivered.empty() && store->dead.empty() && seconds() < 1000;
    return how;
  };
  run_for(5000s);
  CHECK(delivered == all_but_bad(100));
  CHECK(dead_names() == strings{"e73"});
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "a handler that hangs on one event is found while a "
                           "probe is accepted") {
  bad = {"e5"};
  on_bad = ended(outcome::timed_out);
  start();
  arrive(20);
  run_for(1000s);
  CHECK(delivered == all_but_bad(20));
  CHECK(dead_names() == strings{"e5"});
  CHECK(store->dead[0].second.find("timed out") != std::string::npos);
  CHECK(probes() > 0);
  check_ids();
}

TEST_CASE_FIXTURE(fixture,
                  "a hang stays an outage while the probe hangs, too") {
  bad = {"e5"};
  on_bad = ended(outcome::timed_out);
  probe = outcome::timed_out;
  start();
  arrive(20);
  run_for(10'000s);
  CHECK(store->dead.empty());
  CHECK(delivered.empty());
  for (const auto& x : script->requests)
    if (x.body != probe_body)
      CHECK(x.txn_id == "t-1");
  check_ids();
  probe = outcome::accepted;
  bad.clear();
  run_for(600s);
  CHECK(delivered == all_but_bad(20));
}

TEST_CASE_FIXTURE(fixture, "a service that answers 500 to everything but an "
                           "empty transaction loses at most an event for each "
                           "full count of attempts") {
  for (int i = 1; i <= 20; ++i)
    bad.insert("e" + std::to_string(i));
  on_bad = ended(outcome::refused, 500);
  start();
  arrive(20);
  run_for(2000s);
  CHECK(store->dead.size() >= 1);
  CHECK(store->dead.size() <= 2);
  bad.clear();
  run_for(600s);
  CHECK(delivered.size() + store->dead.size() == 20);
  CHECK(store->failures == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "a service set to never bisect keeps retrying, and is "
                  "never probed") {
  config->delivery.poison_attempts = 0;
  bad = {"e5"};
  start();
  arrive(20);
  run_for(10'000s);
  on_bad = ended(outcome::refused, 500);
  run_for(10'000s);
  CHECK(store->dead.empty());
  for (const auto& x : script->requests)
    CHECK(x.txn_id == "t-1");
}

TEST_CASE_FIXTURE(fixture,
                  "D19: a node that dies at any step of a search goes on "
                  "with it, and nothing is lost or reordered") {
  for (int step = 0; step < 14; ++step) {
    fixture f;
    f.bad = {"e30", "e77"};
    f.start();
    f.arrive(100);
    f.run_for(30s);
    fixture g;
    g.bad = f.bad;
    int left = step;
    // The answer never arrives: the node dies with this request open.
    g.script->react = [&](const exchange& what) -> std::optional<answer> {
      if (g.store->trial.active() && left-- == 0)
        return std::nullopt;
      return g.react(what);
    };
    g.script->otherwise = hold;
    g.start();
    g.arrive(100);
    g.run_for(30s);
    g.script->held.clear();
    g.script->open = 0;
    g.restart();
    g.run_for(3000s);
    CAPTURE(step);
    CHECK(g.delivered == f.delivered);
    CHECK(g.dead_names() == strings{"e30", "e77"});
    g.check_ids();
  }
}

TEST_CASE_FIXTURE(fixture,
                  "skip sets the head transaction aside as a whole, and "
                  "the rest flows at once") {
  bad = {"e1"};
  on_bad = ended(outcome::refused, 404);
  start();
  arrive(1);
  arrive(3);
  run_for(1s);
  CHECK(*ask<skip_answer>(aut, skip_atom::value) == skip_answer::done);
  CHECK(dead_names() == strings{"e1"});
  CHECK(store->dead[0].second.find("skipped") == 0);
  CHECK(delivered == strings{"e2", "e3", "e4"});
  run_for(100s);
  CHECK(*ask<skip_answer>(aut, skip_atom::value) == skip_answer::nothing_open);
  CHECK(script->requests.size() == 2);
}

TEST_CASE_FIXTURE(fixture,
                  "D9: skip while a request is open waits for its end, "
                  "and does nothing when it is accepted") {
  for (bool accepts : {false, true}) {
    fixture f;
    f.script->react = nullptr;
    f.script->answers = {hold, 200};
    f.start();
    f.arrive(1);
    f.arrive(2);
    CHECK(*f.ask<skip_answer>(f.aut, skip_atom::value)
          == skip_answer::when_refused);
    CHECK(f.script->requests.size() == 1);
    f.self->send(f.courier, done_atom::value,
                 std::uint64_t{accepts ? 200u : 503u}, answer_ptr{});
    f.run();
    CHECK(f.store->dead.size() == (accepts ? 0u : 1u));
    CHECK(f.script->requests.size() == 2);
    CHECK(f.script->open_max == 1);
    CHECK(f.store->queue.empty());
  }
}

TEST_CASE_FIXTURE(fixture, "skip works while paused, and sends nothing") {
  down = true;
  start();
  arrive(2);
  CHECK(ask<storage::nothing_more>(aut, pause_atom::value, true));
  const auto before = script->requests.size();
  CHECK(*ask<skip_answer>(aut, skip_atom::value) == skip_answer::done);
  run_for(600s);
  CHECK(store->dead.size() == 1);
  CHECK(script->requests.size() == before);
  down = false;
  CHECK(ask<storage::nothing_more>(aut, pause_atom::value, false));
  CHECK(delivered == strings{"e2"});
}

TEST_CASE_FIXTURE(fixture, "a store that cannot note a search is asked again") {
  bad = {"e2"};
  start();
  bool once = true;
  store->fault = [&](const std::string& what) {
    return (what == "recut" || what == "set_aside")
               && std::exchange(once, !once)
             ? posthorn::fault(ec::store_failed, "no space left")
             : caf::error{};
  };
  arrive(4);
  run_for(600s);
  CHECK(delivered == strings{"e1", "e3", "e4"});
  CHECK(dead_names() == strings{"e2"});
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "D28: a service without v1 is served on the legacy "
                           "path, with the same id and body, and v1 is tried "
                           "again after an hour") {
  config->delivery.legacy_path = true;
  script->react = [this](const exchange& what) {
    if (what.target.find("/_matrix/") == 0)
      return ended(outcome::refused, 404, "<html>Cannot PUT</html>");
    return react(what);
  };
  start();
  arrive(1);
  REQUIRE(script->requests.size() == 2);
  CHECK(script->requests[0].url
        == "http://bridge:1/_matrix/app/v1/transactions/t-1");
  CHECK(script->requests[1].url
        == "http://bridge:1/transactions/t-1?access_token=hs%2F1");
  CHECK(script->requests[1].body == script->requests[0].body);
  CHECK(delivered == strings{"e1"});
  run_for(3599s);
  arrive(1);
  CHECK(script->requests.size() == 3);
  run_for(1s);
  arrive(1);
  CHECK(script->requests.size() == 5);
  CHECK(delivered == all_but_bad(3));
  CHECK(store->failures == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "D28: without the setting, and for M_UNRECOGNIZED, 404 "
                  "is an outage") {
  std::string body = "<html>";
  script->react
    = [&](const exchange&) { return ended(outcome::refused, 404, body); };
  start();
  arrive(1);
  CHECK(script->requests.size() == 1);
  auto changed = std::make_shared<service_config>(*config);
  changed->delivery.legacy_path = true;
  self->send(aut, service_config_ptr{changed});
  body = R"({"errcode":"M_UNRECOGNIZED","error":"?"})";
  run_for(2s);
  CHECK(script->requests.size() == 2);
  for (const auto& x : script->requests)
    CHECK(x.url.find("/_matrix/app/v1/") != std::string::npos);
}

TEST_SUITE_END();
