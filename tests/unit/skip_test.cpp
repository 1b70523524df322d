// SPDX-License-Identifier: Apache-2.0
// The service actor: skipped by an operator, and served on the legacy path.
#include "tests/support/picky_service.hpp"

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

using fixture = picky_service;

} // namespace

TEST_SUITE_BEGIN("skip and legacy path");

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

TEST_CASE_FIXTURE(fixture, "skip while a probe is open sets the transaction "
                           "aside whatever that ends in") {
  for (int status : {200, 503}) {
    fixture f;
    f.script->react = nullptr;
    f.config->delivery.poison_attempts = 1;
    f.script->answers = {500, hold};
    f.start();
    f.arrive(3);
    REQUIRE(f.probes() == 1);
    CHECK(*f.ask<skip_answer>(f.aut, skip_atom::value)
          == skip_answer::when_refused);
    f.self->send(f.courier, done_atom::value,
                 static_cast<std::uint64_t>(status), answer_ptr{});
    f.run();
    CHECK(f.store->dead.size() == 3);
    CHECK(f.script->requests.size() == 2);
  }
}

TEST_CASE_FIXTURE(fixture, "a skip that was asked for through the store is of "
                           "the transaction that was open then only") {
  bad = {"e1", "e2"};
  on_bad = ended(outcome::refused, 404);
  start();
  arrive(1);
  arrive(1);
  run_for(1s);
  const auto skip = [this](std::uint32_t which) {
    return *ask<skip_answer>(aut, skip_atom::value, which);
  };
  REQUIRE(store->open);
  const auto meant = static_cast<std::uint32_t>(store->open->number);
  CHECK(skip(meant + 1) == skip_answer::nothing_open);
  CHECK(dead_names().empty());
  CHECK(skip(meant) == skip_answer::done);
  CHECK(dead_names() == strings{"e1"});
  CHECK(skip(meant) == skip_answer::nothing_open);
  CHECK(dead_names() == strings{"e1"});
}

TEST_CASE_FIXTURE(fixture, "a skip that was asked for through the store works "
                           "while paused, and finds nothing when all is "
                           "delivered") {
  start();
  CHECK(*ask<skip_answer>(aut, skip_atom::value, std::uint32_t{0})
        == skip_answer::nothing_open);
  down = true;
  arrive(1);
  CHECK(ask<storage::nothing_more>(aut, pause_atom::value, true));
  const auto meant = static_cast<std::uint32_t>(store->open->number);
  CHECK(*ask<skip_answer>(aut, skip_atom::value, meant) == skip_answer::done);
  CHECK(store->dead.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "skip works while paused, and sends nothing") {
  down = true;
  start();
  arrive(1);
  arrive(1);
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

TEST_CASE_FIXTURE(fixture, "D28: without the setting 404 is an outage") {
  script->react
    = [&](const exchange&) { return ended(outcome::refused, 404, "<html>"); };
  start();
  arrive(1);
  run_for(14s);
  CHECK(script->requests.size() == 4);
  for (const auto& x : script->requests)
    CHECK(x.url.find("/_matrix/app/v1/") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "D28: where the legacy path is not there either, "
                           "what v1 answered counts") {
  config->delivery.legacy_path = true;
  config->delivery.poison_attempts = 2;
  bad = {"e1"};
  script->react = [this](const exchange& what) {
    if (what.target.find("/_matrix/") != 0)
      return ended(outcome::refused, 404);
    return react(what);
  };
  start();
  arrive(1);
  arrive(2);
  run_for(10s);
  CHECK(dead_names() == strings{"e1"});
  CHECK(store->dead[0].second.find("M_BAD_JSON") != std::string::npos);
  CHECK(delivered == strings{"e2", "e3"});
  check_ids();
}

TEST_CASE_FIXTURE(fixture, "D28: on the legacy path poison is found, too, also "
                           "where nothing was ever accepted before") {
  config->delivery.legacy_path = true;
  bad = {"e1"};
  on_bad = ended(outcome::timed_out);
  script->react = [this](const exchange& what) {
    if (what.target.find("/_matrix/") == 0)
      return ended(outcome::refused, 404);
    return react(what);
  };
  start();
  arrive(1);
  arrive(2);
  run_for(1000s);
  CHECK(dead_names() == strings{"e1"});
  CHECK(delivered == strings{"e2", "e3"});
}

TEST_SUITE_END();
