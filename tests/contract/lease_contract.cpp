// SPDX-License-Identifier: Apache-2.0
// Leases and fencing.
#include "tests/contract/store_contract.hpp"

#include <doctest/doctest.h>

using namespace posthorn;
using namespace posthorn::contract;
using namespace std::chrono_literals;

namespace {

storage::take_lease ask(const std::string& node, posthorn::epoch epoch = 0,
                        const std::string& name = "service/irc") {
  lease_request request;
  request.name = name;
  request.node = node;
  request.ttl = 10s;
  request.epoch = epoch;
  return {request};
}

posthorn::epoch granted(workbench& bench, storage::take_lease what) {
  return std::get<posthorn::lease>(bench.done(std::move(what))).epoch;
}

} // namespace

TEST_SUITE_BEGIN("store: leases");

TEST_CASE("a lease that a live node holds is not granted to another") {
  workbench bench;
  CHECK(granted(bench, ask("a")) == 1);
  CHECK(is(bench.refused(ask("b")), ec::lease_held));
  bench.rig->reopen();
  bench.rig->lease_now += 9'999ms;
  CHECK(is(bench.refused(ask("b")), ec::lease_held));
}

TEST_CASE("a lease that has run out goes to who asks, under a new epoch") {
  workbench bench;
  CHECK(granted(bench, ask("a")) == 1);
  bench.rig->reopen();
  bench.rig->lease_now += 10s;
  CHECK(granted(bench, ask("b")) == 2);
  CHECK(is(bench.refused(ask("a")), ec::lease_held));
  CHECK(is(bench.refused(ask("a", 1)), ec::fenced));
}

TEST_CASE("renewing keeps the epoch and starts the time anew") {
  workbench bench;
  granted(bench, ask("a"));
  bench.rig->lease_now += 9s;
  CHECK(granted(bench, ask("a", 1)) == 1);
  bench.rig->reopen();
  bench.rig->lease_now += 9s;
  CHECK(is(bench.refused(ask("b")), ec::lease_held));
}

TEST_CASE("a lease that has run out can be renewed while nobody else took "
          "it") {
  workbench bench;
  granted(bench, ask("a"));
  bench.rig->lease_now += 1h;
  bench.rig->reopen();
  CHECK(granted(bench, ask("a", 1)) == 1);
  CHECK(is(bench.refused(ask("b")), ec::lease_held));
}

TEST_CASE("another node cannot renew a lease by guessing its epoch") {
  workbench bench;
  granted(bench, ask("a"));
  bench.rig->reopen();
  CHECK(is(bench.refused(ask("b", 1)), ec::fenced));
}

TEST_CASE("the node that held a lease gets it at once, under a new epoch") {
  workbench bench;
  CHECK(granted(bench, ask("a")) == 1);
  bench.rig->reopen();
  CHECK(granted(bench, ask("a")) == 2);
  CHECK(is(bench.refused(ask("a", 1)), ec::fenced));
}

TEST_CASE("a lease given back goes to who asks, and its epoch is over") {
  workbench bench;
  granted(bench, ask("a"));
  CHECK(is(bench.refused(storage::give_lease{"service/irc", 2}), ec::fenced));
  bench.done(storage::give_lease{"service/irc", 1});
  bench.rig->reopen();
  CHECK(is(bench.refused(storage::give_lease{"service/irc", 1}), ec::fenced));
  CHECK(is(bench.refused(ask("a", 1)), ec::fenced));
  CHECK(granted(bench, ask("b")) == 2);
}

TEST_CASE("leases of different names know nothing of each other") {
  workbench bench;
  CHECK(granted(bench, ask("a")) == 1);
  CHECK(granted(bench, ask("b", 0, "service/log")) == 1);
  bench.rig->reopen();
  CHECK(is(bench.refused(ask("b")), ec::lease_held));
  CHECK(granted(bench, ask("b", 1, "service/log")) == 1);
}

TEST_CASE("a lease without a name or a node is refused") {
  workbench bench;
  CHECK(is(bench.refused(ask("a", 0, "")), ec::bad_config));
  CHECK(is(bench.refused(ask("a", 0, std::string(400, 'x'))), ec::bad_config));
  CHECK(is(bench.refused(ask("")), ec::bad_config));
}

TEST_CASE("no write to a service gets through under an old epoch") {
  workbench bench;
  auto irc = bench.service("irc");
  bench.append(numbered(150));
  bench.route_all({irc});
  auto out = bench.next(irc);
  auto old = bench.claim_of(irc);
  bench.rig->reopen();
  bench.epochs[irc] = bench.lease("service/irc");
  setback what;
  what.txn_id = out->txn_id;
  CHECK(is(bench.refused(storage::next{old, {}}), ec::fenced));
  CHECK(is(bench.refused(storage::complete{old, out->txn_id, {}}), ec::fenced));
  CHECK(is(bench.refused(storage::fail{old, what}), ec::fenced));
  CHECK(bench.row(irc).pending_events == 150);
  CHECK(bench.complete(irc, out->txn_id));
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
  bench.rig->reopen();
  CHECK(bench.row(irc).owner == "a");
  CHECK(bench.row(irc).epoch == 1);
  bench.rig->lease_now += 1h;
  CHECK(bench.row(irc).owner == "");
  CHECK(bench.row(irc).epoch == 1);
}

TEST_SUITE_END();
