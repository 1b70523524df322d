// SPDX-License-Identifier: Apache-2.0
// A service actor over a fake store, and a service that refuses some events.
#pragma once

#include "actors/service/service.hpp"
#include "actors/storage/storage_actor.hpp"
#include "tests/support/fake_store.hpp"
#include "tests/support/scripted_courier.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

#include <map>
#include <set>

namespace posthorn::testing {

using namespace std::chrono_literals;
using strings = std::vector<std::string>;

inline const std::string probe_body = R"({"events":[]})";

inline answer ended(outcome what, int status = 0, std::string body = "") {
  answer result;
  result.what = what;
  result.status = static_cast<std::uint16_t>(status);
  result.body = std::move(body);
  result.detail = "as told";
  return result;
}

struct picky_service : virtual_time {
  picky_service() {
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

  /// No id was ever used for other bytes, never two requests were open, and
  /// never was an id sent again that is older than the newest accepted one: a
  /// service that knows only that one would process it twice.
  void check_ids() {
    std::map<std::string, std::string> bodies;
    std::map<std::string, std::size_t> first_sent;
    std::size_t newest_accepted = 0;
    for (const auto& x : script->requests) {
      CHECK(bodies.emplace(x.txn_id, x.body).first->second == x.body);
      const auto age = first_sent.emplace(x.txn_id, first_sent.size() + 1);
      CHECK(age.first->second >= newest_accepted);
      if (x.accepted)
        newest_accepted = std::max(newest_accepted, age.first->second);
    }
    CHECK(script->open_max <= 1);
  }

  /// Transactions that held something.
  std::size_t tries() {
    return script->requests.size() - probes();
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

} // namespace posthorn::testing
