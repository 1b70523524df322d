// SPDX-License-Identifier: Apache-2.0
// The dump of a cluster: what is in it, and that it comes when nothing else
// does.
#include "actors/admin/dump_report.hpp"
#include "actors/metrics/metrics.hpp"
#include "apps/posthorn/inspect/metrics.hpp"
#include "apps/posthorn/node/links_setup.hpp"
#include "tests/support/show.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <future>
#include <sstream>

using namespace posthorn;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// A port of the loopback that was free a moment ago.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0);
  socklen_t size = sizeof(at);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(fd);
  return ntohs(at.sin_port);
}

/// The part of a node that the dump needs, with two scheduler workers.
struct small_node {
  small_node(const std::string& name, std::uint16_t own, std::uint16_t other) {
    config.name = name;
    config.cluster = cluster_settings{};
    config.cluster->listen = {address_kind::tcp, "127.0.0.1", own, {}, -1};
    config.cluster->advertise = config.cluster->listen;
    config.cluster->peers = {{address_kind::tcp, "127.0.0.1", other, {}, -1}};
    settings.set("scheduler.policy", caf::atom("sharing"));
    settings.set("scheduler.max-threads", std::size_t{2});
    node_links::prepare(settings, config);
    sys = std::make_unique<caf::actor_system>(settings);
    counting = sys->spawn<caf::detached>(metrics, all);
    gate_wiring answers;
    answers.node = name;
    answers.version = "1";
    answers.service_here = [](const std::string&) { return service_actor{}; };
    answers.state = [] { return std::string{"ready"}; };
    answers.uptime = [] { return 1'000ms; };
    auto made = node_links::start(*sys, all, config, answers);
    REQUIRE(made);
    linked = std::move(*made);
  }

  ~small_node() {
    linked.reset();
    caf::anon_send_exit(counting, caf::exit_reason::user_shutdown);
  }

  cluster_dump dump() {
    dump_sources from;
    from.node = config.name;
    from.metrics = counting;
    from.links = linked->actor();
    from.board = linked->board();
    from.state = [] { return std::string{"ready"}; };
    from.others = [] {
      node_row c;
      c.name = "c";
      c.alive = true;
      node_row d;
      d.name = "d";
      d.address = "127.0.0.1:7";
      d.version = "0.9";
      d.silent = 42'000ms;
      return std::vector<node_row>{c, d};
    };
    from.started = std::chrono::steady_clock::now();
    return gather_dump(*sys, from);
  }

  /// Keeps every worker busy until `over` is set.
  void block_workers(std::shared_future<void> over) {
    for (int i = 0; i < 8; ++i)
      sys->spawn([over](caf::event_based_actor*) { over.wait(); });
  }

  node_config config;
  caf::actor_system_config settings;
  census_ptr all = std::make_shared<census>();
  std::unique_ptr<caf::actor_system> sys;
  metrics_actor counting;
  std::unique_ptr<node_links> linked;
};

/// In a child: ends it, saying what was not so.
void expect(bool what, const char* text) {
  if (what)
    return;
  std::fprintf(stderr, "not so: %s\n", text);
  ::_exit(1);
}

/// Runs `what` in a process of its own, which ends as a node does: without
/// taking CAF apart. Answers whether it came to its end.
bool in_a_child(const std::function<void()>& what) {
  const auto child = ::fork();
  if (child == 0)
    what();
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status)
         && WEXITSTATUS(status) == 0;
}

json row(const std::string& id, const std::string& state,
         const std::string& owner) {
  return {{"id", id},
          {"state", state},
          {"owner", owner},
          {"epoch", 7},
          {"pending_events", 5},
          {"pending_bytes", 2'048},
          {"oldest_pending_seconds", 90.0},
          {"last_transaction", "t-1"},
          {"failures", 2},
          {"next_attempt_seconds", 4.0},
          {"last_error", "status 502"}};
}

/// Node a with three actors, node b without an answer.
json sample() {
  auto a = std::make_shared<node_dump>();
  a->name = "a";
  a->version = "1";
  a->state = "ready";
  a->uptime = 90s;
  for (const auto* name : {"service/irc", "service/tg", "storage"}) {
    a->actors.emplace_back();
    a->actors.back().name = name;
    a->actors.back().state = "UP";
  }
  a->actors[0].state = "DOWN";
  a->actors[0].handled = 10;
  a->actors[1].handled = 30;
  a->actors[2].mailbox = 4;
  a->actors[2].oldest = 5s;
  a->actors[2].no_progress = 3s;
  auto b = std::make_shared<node_dump>();
  b->name = "b";
  b->address = "127.0.0.1:2";
  b->problem = "no answer in 2 s";
  return dump_json(
    {a, b}, json::array({row("irc", "DOWN", "a"), row("tg", "UP", "a")}));
}

std::vector<std::string> names(const json& dump) {
  std::vector<std::string> result;
  for (const auto& node : dump.at("nodes"))
    for (const auto& one : node.at("actors"))
      result.push_back(one.at("name"));
  return result;
}

using strings = std::vector<std::string>;

} // namespace

TEST_SUITE_BEGIN("dump");

TEST_CASE("the dump of all nodes comes while every worker is busy") {
  const auto first = free_port();
  const auto second = free_port();
  CHECK(in_a_child([&] {
    small_node a{"a", first, second};
    small_node b{"b", second, first};
    std::promise<void> never;
    const auto over = never.get_future().share();
    a.block_workers(over);
    b.block_workers(over);
    // The links come up while no worker runs.
    cluster_dump got;
    bool prompt = true;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    do {
      const auto begin = std::chrono::steady_clock::now();
      got = b.dump();
      prompt = prompt && std::chrono::steady_clock::now() - begin < 3'500ms;
    } while ((got.size() != 4 || !got[1]->problem.empty())
             && std::chrono::steady_clock::now() < deadline);
    expect(prompt, "each dump comes in time");
    expect(got.size() == 4, "all four nodes are in it");
    expect(got[0]->name == "b" && got[1]->name == "a", "a and b by name");
    expect(got[1]->problem.empty(), "a answers");
    expect(!got[1]->actors.empty(), "a tells of its actors");
    expect(got[2]->problem == "it has no cluster.listen, or is new",
           "c is not left out");
    expect(got[3]->name == "d" && got[3]->state == "dead", "d is shown dead");
    expect(got[3]->problem == "dead: last heard of 42.0 s ago",
           "and since when");
    ::_exit(0);
  }));
}

TEST_CASE("an actor that gets no worker is shown as not answering") {
  const auto all = std::make_shared<census>();
  const auto card = std::make_shared<actor_card>();
  card->name = "service/irc";
  const auto long_ago
    = (std::chrono::steady_clock::now() - 5s).time_since_epoch().count();
  card->progress_ns = long_ago;
  card->came_ns[0] = long_ago;
  card->waiting_since_ns = long_ago;
  card->enqueued = 1;
  all->enlist(card);
  auto dump = std::make_shared<node_dump>();
  dump->name = "a";
  dump->actors = all->snapshot();
  const auto shown = dump_json({dump}, json::array());
  const auto& one = shown.at("nodes")[0].at("actors")[0];
  CHECK(one.at("problem").get<std::string>().starts_with("no answer in 5."));
  CHECK(one.at("oldest_message_seconds").get<double>() >= 5);
  CHECK(shown.at("totals").at("actors_without_answer") == 1);
}

TEST_CASE("a service's actor shows when the next attempt is") {
  const auto dump = sample();
  const auto& actors = dump.at("nodes")[0].at("actors");
  CHECK(actors[0].at("next_attempt_seconds") == 4.0);
  CHECK(actors[2].at("next_attempt_seconds").is_null());
}

TEST_CASE("totals add up over nodes and services") {
  const auto sum = sample().at("totals");
  CHECK(sum.at("nodes") == 2);
  CHECK(sum.at("nodes_answering") == 1);
  CHECK(sum.at("actors") == 3);
  CHECK(sum.at("handled") == 40);
  CHECK(sum.at("mailbox") == 4);
  CHECK(sum.at("up") == 1);
  CHECK(sum.at("down") == 1);
  CHECK(sum.at("pending_events") == 10);
  CHECK(sum.at("oldest_pending_seconds") == 90.0);
}

TEST_CASE("actors are chosen by kind, state, name and node") {
  metrics_options by;
  by.kind = "service";
  CHECK(names(select_actors(sample(), by))
        == strings{"service/irc", "service/tg"});
  by = {};
  by.state = "DOWN";
  CHECK(names(select_actors(sample(), by)) == strings{"service/irc"});
  by.state = "stuck";
  CHECK(names(select_actors(sample(), by)) == strings{"storage"});
  by = {};
  by.name = "*/t?";
  CHECK(names(select_actors(sample(), by)) == strings{"service/tg"});
  by = {};
  by.node = "b";
  CHECK(names(select_actors(sample(), by)).empty());
  CHECK(select_actors(sample(), by).at("nodes").size() == 1);
}

TEST_CASE("actors are sorted with the largest first, and limited after that") {
  metrics_options by;
  by.sort = "handled";
  CHECK(names(select_actors(sample(), by))
        == strings{"service/tg", "service/irc", "storage"});
  by.sort = "oldest";
  by.limit = 1;
  CHECK(names(select_actors(sample(), by)) == strings{"storage"});
}

TEST_CASE("the tables leave out neither nodes nor actors without an answer") {
  std::ostringstream out;
  print_dump(sample(), {}, out);
  const auto text = out.str();
  for (const auto* part :
       {"no answer in 2 s", "UP, no answer in 3.0 s", "DOWN for 4.0s",
        "1 of 2 nodes answer", "status 502"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, "\n", text);
}

TEST_CASE("figures are by node and kind, whatever the number of services") {
  std::ostringstream out;
  print_figures(sample(), out);
  const auto text = out.str();
  CHECK(text.find("posthorn_cluster_node_up{node=\"b\"} 0\n")
        != std::string::npos);
  CHECK(text.find("posthorn_cluster_actor_messages_total{node=\"a\",kind="
                  "\"service\"} 40")
        != std::string::npos);
  CHECK(text.find("service/irc") == std::string::npos);
}

TEST_SUITE_END();
