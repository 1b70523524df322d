// SPDX-License-Identifier: Apache-2.0
// What a node answers to the others.
#include "actors/cluster/gate.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::string_literals;

namespace {

struct gate_rig : virtual_time {
  gate_rig() {
    cfg.add_message_types<caf::id_block::posthorn_links>();
    tg = spawn([this](service_actor::pointer) -> service_actor::behavior_type {
      return {
        [this](wake_atom) { ++woken; },
        [](wake_atom, const handed_transaction&) {},
        [](retry_atom) { return true; },
        [this](pause_atom, bool stop) {
          paused = stop;
          return storage::nothing_more{};
        },
        [this](skip_atom) { return skipped; },
        [](skip_atom, std::uint32_t) { return skip_answer::nothing_open; },
        [](service_config_ptr&) {},
        [](const tenure&) {},
        [](drain_atom) { return storage::nothing_more{}; },
        [](attempt_atom, std::uint64_t) {}};
    });
    gate_wiring wiring;
    wiring.node = "b";
    wiring.service_here = [this](const std::string& id) {
      return id == "tg" ? tg : service_actor{};
    };
    wiring.actor_of = wiring.service_here;
    wiring.state = [] { return std::string{"ready"}; };
    wiring.uptime = [] { return std::chrono::milliseconds{5}; };
    wiring.greeted = [this](const greeting& who) { greeter = who.node; };
    aut = spawn(gate, all, wiring);
    run();
  }

  service_actor tg;
  gate_actor aut;
  int woken = 0;
  bool paused = false;
  skip_answer skipped = skip_answer::nothing_open;
  std::string greeter;
};

} // namespace

TEST_SUITE_BEGIN("gate");

TEST_CASE_FIXTURE(gate_rig, "only services that are delivered here are woken") {
  const auto got = ask<wire::woken_v1>(aut, wire::wake_v1{{"irc", "tg", "x"}});
  REQUIRE(got);
  CHECK(got->here == 1);
  CHECK(woken == 1);
}

TEST_CASE_FIXTURE(gate_rig, "a message that names too many services is "
                            "refused") {
  wire::wake_v1 much;
  much.services.assign(wire::services_max + 1, "tg");
  const auto got = ask<wire::woken_v1>(aut, much);
  REQUIRE_FALSE(got);
  CHECK(is(got.error(), ec::too_large));
  CHECK(woken == 0);
}

TEST_CASE_FIXTURE(gate_rig, "orders are carried out where the service is") {
  const auto tell = [this](const std::string& id, int verb) {
    return *ask<wire::ordered_v1>(
      aut, wire::order_v1{id, static_cast<std::uint8_t>(verb)});
  };
  CHECK(tell("tg", 1).attempted);
  CHECK(tell("tg", 2).here);
  CHECK(paused);
  CHECK(tell("tg", 3).problem.empty());
  CHECK_FALSE(paused);
  CHECK_FALSE(tell("irc", 1).here);
  CHECK(tell("tg", 99).problem == "this node does not know such an order");
}

TEST_CASE_FIXTURE(gate_rig, "what came of a skip is told in the shape that an "
                            "order's answer has") {
  const auto told = [this](skip_answer how) {
    skipped = how;
    const auto got = *ask<wire::ordered_v1>(aut, wire::order_v1{"tg", 4});
    CHECK(got.here);
    return std::make_pair(got.attempted, got.problem);
  };
  CHECK(told(skip_answer::nothing_open) == std::make_pair(false, ""s));
  CHECK(told(skip_answer::done) == std::make_pair(true, ""s));
  CHECK(told(skip_answer::when_refused)
        == std::make_pair(true, "it is being sent"s));
  CHECK(told(skip_answer::asked)
        == std::make_pair(true, "its lease has just moved"s));
}

TEST_CASE_FIXTURE(gate_rig, "a page of the dump is bounded and tells what is "
                            "left") {
  std::vector<actor_card_ptr> cards;
  for (int i = 0; i < 300; ++i) {
    cards.push_back(std::make_shared<actor_card>());
    cards.back()->name = "x/" + std::string(400, 'y') + std::to_string(i);
    all->enlist(cards.back());
  }
  const auto got = ask<wire::page_v1>(aut, wire::ask_page_v1{});
  REQUIRE(got);
  CHECK(got->actors.size() == wire::actors_max);
  CHECK(got->more == 101);
  CHECK(got->actors.back().name.size() == wire::text_max);
}

TEST_CASE_FIXTURE(gate_rig, "a greeting is passed on with the gate of the one "
                            "who greets") {
  wire::hello_v1 hello{"c", "1", "h:3", nullptr};
  REQUIRE(ask<wire::hello_v1>(aut, hello));
  CHECK(greeter.empty());
  hello.gate = caf::actor_cast<caf::strong_actor_ptr>(aut);
  const auto got = ask<wire::hello_v1>(aut, hello);
  REQUIRE(got);
  CHECK(got->node == "b");
  CHECK(greeter == "c");
}

TEST_SUITE_END();
