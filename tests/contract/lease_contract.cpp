// SPDX-License-Identifier: Apache-2.0
// Sessions, leases and fencing.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;
using namespace std::chrono_literals;

namespace {

storage::take_lease ask(const workbench& bench, const std::string& node,
                        const std::string& name = "service/irc") {
  return {{name, node, bench.sessions.at(node)}};
}

posthorn::epoch granted(workbench& bench, const storage::take_lease& what) {
  return std::get<posthorn::lease>(bench.done(what)).epoch;
}

storage::heartbeat beat_of(const std::string& node, session_no session) {
  return {{node, session, node_state::up, 0}};
}

/// A bench with nodes a and b.
struct two_nodes : workbench {
  two_nodes() {
    session("a");
    session("b");
  }
};

} // namespace

TEST_SUITE_BEGIN("store: leases");

TEST_CASE("a lease that a live node holds is not granted to another") {
  two_nodes bench;
  CHECK(granted(bench, ask(bench, "a")) == 1);
  CHECK(is(bench.refused(ask(bench, "b")), ec::lease_held));
  bench.rig->lease_now += 9'999ms;
  CHECK(is(bench.refused(ask(bench, "b")), ec::lease_held));
}

TEST_CASE("when a session has run out, its leases go to who asks, under new "
          "epochs") {
  two_nodes bench;
  CHECK(granted(bench, ask(bench, "a")) == 1);
  bench.rig->lease_now += 9s;
  bench.beat("b");
  bench.rig->lease_now += 1s;
  CHECK(!bench.node("a").alive);
  CHECK(granted(bench, ask(bench, "b")) == 2);
  CHECK(is(bench.refused(ask(bench, "a")), ec::fenced));
  CHECK(is(bench.refused(storage::give_lease{"service/irc", 1}), ec::fenced));
}

TEST_CASE("a heartbeat at the last moment keeps a session and all its leases") {
  two_nodes bench;
  granted(bench, ask(bench, "a"));
  granted(bench, ask(bench, "a", "sorter"));
  for (int i = 0; i < 3; ++i) {
    bench.rig->lease_now += 9'999ms;
    bench.beat("a");
    bench.session("b");
    CHECK(is(bench.refused(ask(bench, "b")), ec::lease_held));
    CHECK(is(bench.refused(ask(bench, "b", "sorter")), ec::lease_held));
  }
}

TEST_CASE("a session that has run out is not brought back by a heartbeat") {
  two_nodes bench;
  granted(bench, ask(bench, "a"));
  auto before = bench.sessions["a"];
  bench.rig->lease_now += 10s;
  CHECK(is(bench.refused(beat_of("a", before)), ec::fenced));
  CHECK(bench.session("a") > before);
  CHECK(is(bench.refused(beat_of("a", before)), ec::fenced));
  CHECK(granted(bench, ask(bench, "a")) == 2);
}

TEST_CASE("what was begun under a session that ran out may be finished while "
          "nobody else took the lease") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(3));
  bench.route_all({irc});
  auto out = bench.next(irc);
  bench.rig->lease_now += 1h;
  CHECK(bench.row(irc).owner == "");
  bench.complete(irc, out->txn_id);
  CHECK(bench.row(irc).pending_events == 0);
}

TEST_CASE("numbers of sessions only grow, over all nodes and openings") {
  two_nodes bench;
  auto last = bench.sessions["b"];
  CHECK(last > bench.sessions["a"]);
  for (int i = 0; i < 3; ++i) {
    bench.rig->reopen();
    auto next = bench.session(i % 2 == 0 ? "a" : "c");
    CHECK(next > last);
    last = next;
  }
}

TEST_CASE("a lease of an earlier session of the same node is over") {
  two_nodes bench;
  CHECK(granted(bench, ask(bench, "a")) == 1);
  bench.session("a");
  CHECK(granted(bench, ask(bench, "b")) == 2);
  CHECK(is(bench.refused(ask(bench, "a")), ec::lease_held));
}

TEST_CASE("a lease of a process that has ended is free at once") {
  two_nodes bench;
  granted(bench, ask(bench, "a"));
  bench.rig->reopen();
  CHECK(!bench.node("a").alive);
  bench.session("b");
  CHECK(granted(bench, ask(bench, "b")) == 2);
}

TEST_CASE("closing a session frees its leases and forgets the node") {
  two_nodes bench;
  granted(bench, ask(bench, "a"));
  bench.done(storage::close_session{"a", bench.sessions["a"]});
  CHECK(bench.node("a").session == 0);
  CHECK(granted(bench, ask(bench, "b")) == 2);
  CHECK(is(bench.refused(beat_of("a", bench.sessions["a"])), ec::fenced));
}

TEST_CASE("a late closing does not end the session that came after") {
  two_nodes bench;
  auto before = bench.sessions["a"];
  bench.session("a");
  bench.done(storage::close_session{"a", before});
  bench.beat("a");
}

TEST_CASE("a lease given back goes to who asks, and its epoch is over") {
  two_nodes bench;
  granted(bench, ask(bench, "a"));
  CHECK(is(bench.refused(storage::give_lease{"service/irc", 2}), ec::fenced));
  bench.done(storage::give_lease{"service/irc", 1});
  CHECK(is(bench.refused(storage::give_lease{"service/irc", 1}), ec::fenced));
  CHECK(granted(bench, ask(bench, "b")) == 2);
}

TEST_CASE("of two nodes that ask in one commit, one gets the lease") {
  two_nodes bench;
  const std::vector<storage::mutation> work{ask(bench, "b"), ask(bench, "a")};
  auto answers = bench.it().commit(work);
  CHECK(answers[0]);
  REQUIRE(!answers[1]);
  CHECK(is(answers[1].error(), ec::lease_held));
}

TEST_CASE("leases of different names know nothing of each other") {
  two_nodes bench;
  CHECK(granted(bench, ask(bench, "a")) == 1);
  CHECK(granted(bench, ask(bench, "b", "service/log")) == 1);
  CHECK(is(bench.refused(ask(bench, "b")), ec::lease_held));
}

TEST_CASE("a node's admin API is known as long as its session") {
  two_nodes bench;
  session_request request;
  request.node = "c";
  request.admin = "http://127.0.0.1:9010";
  auto opened = bench.done(storage::open_session{request});
  CHECK(bench.node("c").admin == request.admin);
  CHECK(bench.node("a").admin.empty());
  request.admin.clear();
  bench.done(storage::open_session{request});
  CHECK(bench.node("c").admin.empty());
  request.admin = "unix:/run/c";
  opened = bench.done(storage::open_session{request});
  CHECK(bench.node("c").admin == request.admin);
  auto number = std::get<posthorn::session>(opened).number;
  bench.done(storage::close_session{"c", number});
  CHECK(bench.node("c").name.empty());
}

TEST_CASE("a lease or a session without a name is refused") {
  two_nodes bench;
  CHECK(is(bench.refused(ask(bench, "a", "")), ec::bad_config));
  CHECK(
    is(bench.refused(ask(bench, "a", std::string(400, 'x'))), ec::bad_config));
  storage::take_lease nobody{{"sorter", "", 1}};
  CHECK(is(bench.refused(nobody), ec::bad_config));
  session_request request;
  CHECK(is(bench.refused(storage::open_session{request}), ec::bad_config));
  request.node = "../a";
  CHECK(is(bench.refused(storage::open_session{request}), ec::bad_config));
}

TEST_CASE("the list of leases says who holds what, and is short while nothing "
          "changes") {
  two_nodes bench;
  granted(bench, ask(bench, "a"));
  auto list = bench.it().leases(0);
  REQUIRE(list);
  REQUIRE(!list->rows.empty());
  CHECK(list->rows[0].name == "service/irc");
  CHECK(list->rows[0].node == "a");
  CHECK(list->rows[0].epoch == 1);
  CHECK(list->rows[0].held);
  auto same = bench.it().leases(list->changes);
  REQUIRE(same);
  CHECK(same->rows.empty());
  bench.done(storage::give_lease{"service/irc", 1});
  auto changed = bench.it().leases(list->changes);
  REQUIRE(changed);
  REQUIRE(!changed->rows.empty());
  CHECK(!changed->rows[0].held);
}

TEST_CASE("the list of nodes says who is alive and who is leaving") {
  two_nodes bench;
  bench.rig->lease_now += 4s;
  bench.done(
    storage::heartbeat{{"b", bench.sessions["b"], node_state::leaving, 77}});
  CHECK(bench.node("a").alive);
  CHECK(bench.node("a").silent == 4s);
  CHECK(bench.node("a").ttl == 10s);
  CHECK(bench.node("b").state == node_state::leaving);
  CHECK(bench.node("b").services == 77);
  CHECK(bench.node("b").silent == 0s);
  bench.rig->lease_now += 6s;
  CHECK(!bench.node("a").alive);
  CHECK(bench.node("b").alive);
}

TEST_CASE("a node that has been dead for a day is forgotten when one joins") {
  two_nodes bench;
  bench.rig->lease_now += 23h;
  bench.session("b");
  CHECK(bench.node("a").session != 0);
  bench.rig->lease_now += 2h;
  bench.session("b");
  CHECK(bench.node("a").session == 0);
}

TEST_CASE("no write to a service gets through under an old epoch") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(150));
  bench.route_all({irc});
  auto out = bench.next(irc);
  auto old = bench.claim_of(irc);
  bench.rig->lease_now += 30s;
  bench.epochs[irc] = bench.lease("service/irc", "b");
  setback what;
  what.txn_id = out->txn_id;
  CHECK(is(bench.refused(storage::next{old, {}}), ec::fenced));
  CHECK(is(bench.refused(storage::complete{old, out->txn_id, {}}), ec::fenced));
  CHECK(is(bench.refused(storage::fail{old, what}), ec::fenced));
  CHECK(bench.row(irc).pending_events == 150);
  // The same transaction, the same bytes, for who has taken over.
  CHECK(bench.next(irc)->body == out->body);
  CHECK(bench.complete(irc, out->txn_id));
}

TEST_CASE("a sorter that was replaced routes nothing") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(1));
  auto late = bench.routing_of_pool();
  bench.rig->lease_now += 30s;
  bench.sorter = bench.lease("sorter", "b");
  CHECK(is(bench.refused(storage::route{late}), ec::fenced));
  bench.route_all({irc});
}

TEST_CASE("an epoch that was never granted writes nothing") {
  workbench bench;
  auto answer = bench.done(storage::enroll{{"irc"}});
  auto irc = std::get<storage::enrolled>(answer).numbers.at(0);
  CHECK(is(bench.refused(storage::next{{irc, 0}, {}}), ec::fenced));
  CHECK(is(bench.refused(storage::next{{irc, 1}, {}}), ec::fenced));
  CHECK(
    is(bench.refused(storage::next{{irc + 1, 1}, {}}), ec::unknown_service));
}

TEST_CASE("the owner of a service is who holds its lease now") {
  workbench bench;
  auto irc = bench.service("irc");
  CHECK(bench.row(irc).owner == "a");
  CHECK(bench.row(irc).epoch == 1);
  bench.rig->lease_now += 1h;
  CHECK(bench.row(irc).owner == "");
  CHECK(bench.row(irc).epoch == 1);
}

TEST_SUITE_END();
