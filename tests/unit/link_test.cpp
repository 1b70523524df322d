// SPDX-License-Identifier: Apache-2.0
// The life of a link, with a connector that answers as it is told.
#include "actors/cluster/link.hpp"
#include "actors/cluster/links.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

using namespace posthorn;
using namespace posthorn::testing;
using namespace std::chrono_literals;

namespace {

/// A gate that counts, and can be told to be silent.
struct peer_gate {
  gate_actor actor;
  std::vector<std::vector<std::string>> wakes;
  std::vector<std::string> orders;
  std::size_t actors = 0;
  bool silent = false;
  std::string node = "b";
  /// Of orders.
  std::string problem;
};

gate_actor::behavior_type scripted_gate(gate_actor::pointer self,
                                        peer_gate* of) {
  const auto unless_silent = [self, of](auto answer) {
    auto promise = self->make_response_promise<decltype(answer)>();
    if (!of->silent)
      promise.deliver(std::move(answer));
    return promise;
  };
  return {
    [=](const wire::hello_v1&) {
      return unless_silent(wire::hello_v1{of->node, "1", "h:2", nullptr});
    },
    [=](const wire::wake_v1& x) {
      of->wakes.push_back(x.services);
      return unless_silent(wire::woken_v1{1});
    },
    [=](const wire::order_v1& x) {
      of->orders.push_back(x.service);
      return unless_silent(
        wire::ordered_v1{x.service == "tg", true, of->problem});
    },
    [=](const wire::ask_page_v1& x) {
      wire::page_v1 page;
      page.node = of->node;
      page.state = "ready";
      const auto from
        = x.after.empty() ? std::size_t{0} : std::stoul(x.after) - 10'000 + 1;
      for (auto i = from; i < std::min(of->actors, from + wire::actors_max);
           ++i) {
        page.actors.emplace_back();
        page.actors.back().name = std::to_string(10'000 + i);
      }
      page.more = of->actors - from - page.actors.size();
      return unless_silent(std::move(page));
    },
  };
}

struct rig : virtual_time {
  rig() {
    cfg.add_message_types<caf::id_block::posthorn_links>();
    b.actor = spawn(scripted_gate, &b);
    broker = spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {
        [this](caf::connect_atom, const std::string& host, std::uint16_t port)
          -> caf::result<caf::node_id, caf::strong_actor_ptr,
                         std::set<std::string>> {
          ++dials;
          CHECK(host == "h");
          CHECK(port == 2);
          if (refuse)
            return caf::make_error(caf::sec::cannot_connect_to_node);
          return {sys.node(), caf::actor_cast<caf::strong_actor_ptr>(b.actor),
                  sys.message_types(caf::detail::type_list<gate_actor>{})};
        }};
    });
  }

  link_actor link(const std::string& own_address = "h:1") {
    link_wiring wiring;
    wiring.own = {"a", own_address};
    wiring.to = {"", "h:2"};
    wiring.broker = broker;
    wiring.own_gate = b.actor;
    wiring.probe = [this](const std::string&, std::uint16_t) {
      return nobody ? fault(ec::bad_address, "nobody there") : caf::error{};
    };
    wiring.spread = [] { return 0.0; };
    wiring.board = board;
    auto result = spawn(link_to, all, wiring);
    run();
    return result;
  }

  bool up() const {
    const auto now = board->snapshot();
    return now.size() == 1 && now.front().up;
  }

  std::string problem() const {
    return board->snapshot().at(0).problem;
  }

  void lose(const link_actor& aut) {
    caf::anon_send(caf::actor_cast<caf::actor>(aut),
                   caf::down_msg{b.actor.address(),
                                 caf::exit_reason::remote_link_unreachable});
    run();
  }

  static service_ids_ptr ids(std::vector<std::string> which) {
    return std::make_shared<const std::vector<std::string>>(std::move(which));
  }

  peer_gate b;
  caf::actor broker;
  int dials = 0;
  bool refuse = false;
  bool nobody = false;
  link_board_ptr board = std::make_shared<link_board>();
};

} // namespace

TEST_SUITE_BEGIN("link");

TEST_CASE_FIXTURE(rig, "a link comes up once the other node has said who it "
                       "is") {
  link();
  CHECK(up());
  CHECK(board->snapshot().at(0).name == "b");
  CHECK(dials == 1);
}

TEST_CASE_FIXTURE(rig, "pauses between attempts double up to the longest") {
  nobody = true;
  link();
  CHECK(problem() == "nobody there");
  CHECK(dials == 0);
  nobody = false;
  refuse = true;
  // After 0.25, 0.5, 1, 2, 4, 4, ... s; the first attempt was not let through.
  for (auto [span, expected] : {std::pair{240ms, 0},
                                {20ms, 1},
                                {500ms, 2},
                                {1'000ms, 3},
                                {2'000ms, 4},
                                {4'000ms, 5},
                                {4'000ms, 6},
                                {3'900ms, 6}}) {
    run_for(span);
    CHECK(dials == expected);
  }
  refuse = false;
  run_for(200ms);
  CHECK(up());
}

TEST_CASE_FIXTURE(rig, "of two nodes one dials, and the other waits for it") {
  auto aut = link("h:3");
  run_for(5'900ms);
  CHECK(dials == 0);
  self->send(aut, greeting{"b", "h:2", b.actor});
  run();
  CHECK(up());
  run_for(60s);
  CHECK(dials == 0);
}

TEST_CASE_FIXTURE(rig, "the node that waits dials when nobody comes") {
  link("h:3");
  run_for(6'100ms);
  CHECK(dials == 1);
  CHECK(up());
}

TEST_CASE_FIXTURE(rig, "a connection that breaks is made anew") {
  auto aut = link();
  lose(aut);
  CHECK_FALSE(up());
  CHECK(problem() == "the connection was lost");
  run_for(300ms);
  CHECK(up());
  CHECK(board->snapshot().at(0).connects == 2);
}

TEST_CASE_FIXTURE(rig, "a connection without an answer is no link") {
  b.silent = true;
  link();
  run_for(2'100ms);
  CHECK_FALSE(up());
  CHECK(problem() == "connected, but nobody answers");
}

TEST_CASE_FIXTURE(rig, "a node with this node's own name is not linked") {
  b.node = "a";
  link();
  CHECK_FALSE(up());
  CHECK(problem().find("names are not unique") != std::string::npos);
}

TEST_CASE_FIXTURE(rig, "one wake-up is on its way; what comes meanwhile goes "
                       "with the next") {
  auto aut = link();
  b.silent = true;
  for (const auto* id : {"x", "y", "z", "y"}) {
    self->send(aut, ids({id}));
    run();
  }
  CHECK(b.wakes == std::vector<std::vector<std::string>>{{"x"}});
  b.silent = false;
  run_for(5'100ms);
  CHECK(b.wakes == std::vector<std::vector<std::string>>{{"x"}, {"y", "z"}});
}

TEST_CASE_FIXTURE(rig, "a wake-up names a bounded number of services") {
  auto aut = link();
  std::vector<std::string> many;
  for (int i = 0; i < 2'500; ++i)
    many.push_back(std::to_string(i));
  self->send(aut, ids(many));
  run();
  REQUIRE(b.wakes.size() == 3);
  CHECK(b.wakes[0].size() == wire::services_max);
  CHECK(b.wakes[2].size() == 500);
}

TEST_CASE_FIXTURE(rig, "wake-ups for a node that is away are not kept") {
  nobody = true;
  auto aut = link();
  self->send(aut, ids({"x"}));
  run();
  nobody = false;
  run_for(1s);
  CHECK(up());
  CHECK(b.wakes.empty());
}

TEST_CASE_FIXTURE(rig, "a dump is put together from pages, and ends") {
  auto aut = link();
  b.actors = 450;
  auto got = ask<node_dump_ptr>(aut, dump_atom::value);
  REQUIRE(got);
  CHECK((*got)->actors.size() == 450);
  CHECK((*got)->left_out == 0);
  b.actors = 5'000;
  got = ask<node_dump_ptr>(aut, dump_atom::value);
  REQUIRE(got);
  CHECK((*got)->actors.size() == 20 * wire::actors_max);
  CHECK((*got)->left_out == 1'000);
}

TEST_CASE_FIXTURE(rig, "a node that does not answer the dump is in it") {
  auto aut = link();
  b.silent = true;
  auto pending = self->request(aut, caf::infinite, dump_atom::value);
  run_for(2'100ms);
  node_dump_ptr got;
  pending.receive([&](node_dump_ptr& x) { got = x; }, [](caf::error&) {});
  REQUIRE(got);
  CHECK(got->name == "b");
  CHECK(got->problem == "no answer in 2 s");
}

TEST_CASE_FIXTURE(rig, "an order to a node that is not linked fails at once") {
  nobody = true;
  auto aut = link();
  const auto got = ask<order_outcome>(aut, order{"tg", order::verb::retry});
  REQUIRE_FALSE(got);
  CHECK(text_of(got.error()).find("nobody there") != std::string::npos);
}

TEST_CASE_FIXTURE(rig, "an order goes to the node that delivers") {
  links_wiring wiring;
  wiring.own = {"a", "h:1"};
  wiring.addresses = {"h:2", "h:1"};
  wiring.board = board;
  int made = 0;
  wiring.spawn_link = [&](const peer&) {
    ++made;
    return link();
  };
  auto aut = spawn(links, all, wiring);
  run();
  CHECK(made == 1);
  auto got = ask<order_outcome>(aut, order{"tg", order::verb::retry});
  REQUIRE(got);
  CHECK(got->found);
  CHECK(got->node == "b");
  CHECK(got->attempted);
  got = ask<order_outcome>(aut, order{"irc", order::verb::retry});
  REQUIRE(got);
  CHECK_FALSE(got->found);
  CHECK(got->problem.empty());
}

TEST_CASE_FIXTURE(rig, "a problem with a skip of a transaction that is open "
                       "means that it is being sent") {
  auto aut = link();
  const auto got = [&](order::verb what) {
    return *ask<order_outcome>(aut, order{"tg", what});
  };
  CHECK(got(order::verb::skip).attempted);
  CHECK_FALSE(got(order::verb::skip).when_refused);
  b.problem = "it is being sent";
  CHECK(got(order::verb::skip).when_refused);
  CHECK(got(order::verb::skip).problem.empty());
  CHECK_FALSE(got(order::verb::retry).when_refused);
  CHECK(got(order::verb::retry).problem == b.problem);
}

TEST_CASE_FIXTURE(rig, "links follow the list of nodes") {
  links_wiring wiring;
  wiring.own = {"a", "h:1"};
  wiring.board = board;
  std::vector<peer> made;
  wiring.spawn_link = [&](const peer& to) {
    made.push_back(to);
    return link();
  };
  auto aut = spawn(links, all, wiring);
  const auto tell = [&](std::vector<peer> now) {
    self->send(aut,
               peer_list_ptr{std::make_shared<const std::vector<peer>>(now)});
    run();
  };
  tell({{"a", "h:1"}, {"b", "h:2"}});
  CHECK(made == std::vector<peer>{{"b", "h:2"}});
  CHECK(up());
  tell({{"b", "h:2"}});
  CHECK(made.size() == 1);
  tell({});
  CHECK(board->snapshot().empty());
  auto dump = ask<cluster_dump>(aut, dump_atom::value);
  REQUIRE(dump);
  CHECK(dump->empty());
}

TEST_CASE_FIXTURE(rig, "wake-ups that come together leave together") {
  links_wiring wiring;
  wiring.own = {"a", "h:1"};
  wiring.addresses = {"h:2"};
  wiring.board = board;
  wiring.spawn_link = [&](const peer&) { return link(); };
  auto aut = spawn(links, all, wiring);
  run();
  self->send(aut, ids({"x"}));
  self->send(aut, ids({"y", "x"}));
  run();
  CHECK(b.wakes == std::vector<std::vector<std::string>>{{"x", "y"}});
}

TEST_SUITE_END();
