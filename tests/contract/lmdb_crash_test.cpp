// SPDX-License-Identifier: Apache-2.0
// A process that dies at any instant. The store is closed in this process while
// a child has it.
#include "tests/contract/lmdb_rig.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

using namespace posthorn;
using namespace posthorn::contract;

namespace {

lmdb_rig& rig_of(workbench& bench) {
  return dynamic_cast<lmdb_rig&>(*bench.rig);
}

/// Runs `work` in a child whose every commit dies between write and disk.
template <class Work>
void die_in_commit(workbench& bench, Work work) {
  auto& rig = rig_of(bench);
  rig.store.reset();
  auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    rig.before_commit = [] { raise(SIGKILL); };
    rig.reopen();
    work();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  rig.reopen();
}

/// The child's life. Writes the number of each commit that is on disk.
[[noreturn]] void commit_for_ever(workbench& bench, service_no irc, int from,
                                  int acknowledge) {
  // Each commit has two batches, a routing of those before, and, every
  // other time, a completion.
  for (int n = from;; n += 10) {
    auto route = bench.routing_of_pool();
    for (auto& entry : bench.page().entries)
      route->parcels.push_back({{irc}, {{entry.position, 0, 5}}, 5, 0});
    std::vector<storage::mutation> work;
    for (int half : {0, 5})
      work.push_back(storage::append{make_batch("irc", std::to_string(n + half),
                                                numbered(5, n + half + 1), 1)});
    work.push_back(storage::route{route});
    auto out = bench.row(irc);
    if (n % 20 == 0 && out.open)
      work.push_back(
        storage::complete{bench.claim_of(irc), out.txn_id, bench.limits});
    else
      work.push_back(storage::next{bench.claim_of(irc), bench.limits});
    for (auto& answer : bench.it().commit(work))
      if (!answer)
        _exit(1);
    if (write(acknowledge, &n, sizeof(n)) != sizeof(n))
      _exit(1);
  }
}

} // namespace

TEST_SUITE_BEGIN("lmdb: crashes");

TEST_CASE("a process that dies between write and commit has changed nothing") {
  workbench bench;
  auto irc = bench.service("irc");
  die_in_commit(bench, [&] { bench.append(numbered(3)); });
  CHECK(bench.page().entries.empty());
  CHECK(bench.stat().used_bytes == 0);
  bench.append(numbered(120));
  die_in_commit(bench, [&] { bench.route_all({irc}, true); });
  CHECK(bench.it().cursor() == std::uint64_t{0});
  CHECK(bench.row(irc).pending_events == 0);
  bench.route_all({irc});
  die_in_commit(bench, [&] { bench.next(irc); });
  CHECK(!bench.row(irc).open);
  auto out = bench.next(irc);
  die_in_commit(bench, [&] { bench.complete(irc, out->txn_id); });
  CHECK(bench.next(irc)->txn_id == out->txn_id);
  CHECK(bench.next(irc)->body == out->body);
  die_in_commit(bench, [&] {
    bench.done(storage::recut{bench.claim_of(irc), out->txn_id, bench.limits});
  });
  CHECK(bench.next(irc)->body == out->body);
  CHECK_FALSE(bench.next(irc)->suspect);
  die_in_commit(bench, [&] {
    bench.done(
      storage::set_aside{bench.claim_of(irc), out->txn_id, bench.limits, ""});
  });
  CHECK(bench.next(irc)->body == out->body);
  CHECK(bench.stat().dead_items == 0);
  CHECK(numbers_in(bench.drain(irc)) == up_to(120));
}

TEST_CASE("a process that is killed at any instant leaves all of a commit or "
          "none of it, and all that it had acknowledged") {
  workbench bench;
  auto irc = bench.service("irc");
  auto& rig = rig_of(bench);
  bench.limits.max_events = 7;
  int sent = 0;
  int received = 0;
  for (int round = 0; round < 15; ++round) {
    std::array<int, 2> pipe_ends{};
    REQUIRE(pipe(pipe_ends.data()) == 0);
    rig.store.reset();
    auto child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      close(pipe_ends[0]);
      rig.reopen();
      commit_for_ever(bench, irc, sent, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    int acknowledged = -1;
    for (int i = 0; i <= round; ++i)
      REQUIRE(read(pipe_ends[0], &acknowledged, sizeof(acknowledged))
              == sizeof(acknowledged));
    kill(child, SIGKILL);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    while (read(pipe_ends[0], &acknowledged, sizeof(acknowledged))
           == sizeof(acknowledged)) {
    }
    close(pipe_ends[0]);
    rig.reopen();
    auto row = bench.row(irc);
    auto waiting = static_cast<int>(row.pending_events)
                   + static_cast<int>(bench.stat().pool_batches) * 5;
    auto taken = static_cast<int>(row.delivered_events) + waiting;
    CHECK(taken % 10 == 0);
    CHECK(taken >= acknowledged + 10);
    CHECK(taken <= acknowledged + 20);
    sent = taken;
    received = static_cast<int>(row.delivered_events);
  }
  bench.route_all({irc});
  auto rest = numbers_in(bench.drain(irc));
  REQUIRE(rest.size() == static_cast<std::size_t>(sent - received));
  for (std::size_t i = 0; i < rest.size(); ++i)
    CHECK(rest[i] == received + 1 + static_cast<int>(i));
  CHECK(bench.stat().used_bytes == 0);
}

TEST_SUITE_END();
