// SPDX-License-Identifier: Apache-2.0
// A map and a disk that are full.
#include "tests/contract/lmdb_rig.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace posthorn;
using namespace posthorn::contract;
namespace fs = std::filesystem;

namespace {

lmdb_rig& rig_of(workbench& bench) {
  return dynamic_cast<lmdb_rig&>(*bench.rig);
}

/// Lets no file of this process grow beyond `bytes`.
class file_size_limit {
public:
  explicit file_size_limit(std::uint64_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    auto limit = before_;
    limit.rlim_cur = bytes;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }

  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;

  ~file_size_limit() {
    setrlimit(RLIMIT_FSIZE, &before_);
  }

private:
  rlimit before_{};
};

/// Appends `count` batches of one event in one commit. Answers how many were
/// taken; `why` is the last refusal.
int append_many(workbench& bench, int from, int count, std::size_t size,
                caf::error& why) {
  std::vector<storage::mutation> work;
  for (int i = from; i < from + count; ++i)
    work.push_back(
      storage::append{make_batch("irc", std::to_string(i), {event_of(size)})});
  int taken = 0;
  for (auto& answer : bench.it().commit(work)) {
    if (answer)
      ++taken;
    else
      why = answer.error();
  }
  return taken;
}

} // namespace

TEST_SUITE_BEGIN("lmdb: full");

TEST_CASE("a file full of holes refuses batches before deliveries lack room") {
  workbench bench;
  constexpr std::uint64_t limit = 32 * 1024 * 1024;
  bench.rig->want.max_store = limit;
  bench.rig->reopen();
  auto slow = bench.service("slow");
  auto fast = bench.service("fast");
  // Two of three batches leave again, and the third keeps its page.
  caf::error why;
  int taken = 0;
  for (int round = 0; round < 100; ++round) {
    auto from = taken;
    taken += append_many(bench, from, 3'000, 1'200, why);
    auto what = bench.routing_of_pool();
    for (auto i = what->from + 1; i <= what->to; ++i)
      what->parcels.push_back({{i % 3 == 0 ? slow : fast}, {{i, 0, 1}}, 1, 0});
    bench.done(storage::route{what});
    bench.drain(fast);
    if (taken < from + 3'000)
      break;
  }
  REQUIRE(why);
  CHECK(is(why, ec::store_full));
  CHECK(text_of(why).find("largest size") != std::string::npos);
  CHECK(bench.stat().used_bytes < limit);
  bench.rig->reopen();
  auto waiting = bench.row(slow).pending_events;
  CHECK(bench.drain(slow).size() >= waiting / 100);
  CHECK(bench.stat().used_bytes == 0);
  caf::error none;
  CHECK(append_many(bench, taken, 3'000, 1'200, none) == 3'000);
}

TEST_CASE("a disk without room refuses the batches of a commit, carries out "
          "the rest, and takes again when there is room") {
  workbench bench;
  auto irc = bench.service("irc");
  for (int i = 0; i < 20; ++i)
    bench.append({event_of(100'000)});
  bench.route_all({irc});
  bench.limits.max_events = 1;
  auto out = bench.next(irc);
  auto big = [](int n) {
    return storage::append{
      make_batch("irc", "big" + std::to_string(n), {event_of(2'000'000)})};
  };
  {
    file_size_limit full{fs::file_size(rig_of(bench).data() / "data.mdb")};
    std::vector<storage::mutation> work{
      big(1), storage::complete{bench.claim_of(irc), out->txn_id, bench.limits},
      big(2)};
    auto answers = bench.it().commit(work);
    REQUIRE(answers.size() == 3);
    REQUIRE(!answers[0]);
    CHECK(is(answers[0].error(), ec::store_failed));
    CHECK(text_of(answers[0].error()).find(rig_of(bench).data().string())
          != std::string::npos);
    CHECK(answers[1]);
    CHECK(!answers[2]);
  }
  CHECK(bench.row(irc).pending_events == 19);
  bench.done(big(3));
  bench.rig->reopen();
  CHECK(bench.page().entries.size() == 1);
  CHECK(bench.drain(irc).size() == 19);
}

TEST_CASE("the file that readers are noted in has all its blocks: a full disk "
          "must not end who reads") {
  workbench bench;

  struct stat file {};

  auto path = rig_of(bench).data() / "lock.mdb";
  REQUIRE(stat(path.c_str(), &file) == 0);
  CHECK(file.st_blocks * 512 >= file.st_size);
}

TEST_SUITE_END();
