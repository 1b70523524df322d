// SPDX-License-Identifier: Apache-2.0
// A root that cannot be written: the last step of a commit.
#include "tests/contract/lmdb_rig.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

using namespace posthorn;
using namespace posthorn::contract;
namespace fs = std::filesystem;

namespace {

lmdb_rig& rig_of(workbench& bench) {
  return dynamic_cast<lmdb_rig&>(*bench.rig);
}

/// Makes the descriptor that LMDB writes roots through one that cannot be
/// written to.
void break_root_file(const fs::path& data) {
  for (auto& entry : fs::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    auto number = std::stoi(entry.path().filename());
    if (fs::read_symlink(entry.path(), gone) != data
        || (fcntl(number, F_GETFL) & O_DSYNC) == 0)
      continue;
    auto other = open(data.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(dup2(other, number) == number);
    close(other);
    return;
  }
  FAIL("LMDB writes roots in another way");
}

/// A bench whose every commit breaks while `broken` is set.
struct root_bench : workbench {
  root_bench() {
    rig_of(*this).before_commit = [this] {
      if (broken)
        break_root_file(rig_of(*this).data() / "data.mdb");
    };
    rig->reopen();
    irc = service("irc");
  }

  bool broken = false;
  service_no irc = 0;
};

} // namespace

TEST_SUITE_BEGIN("lmdb: roots");

TEST_CASE("a commit whose root cannot be written has not happened, and the "
          "store goes on by itself when it can") {
  root_bench bench;
  bench.append(numbered(2));
  bench.broken = true;
  auto lost = storage::append{make_batch("irc", "lost", numbered(1, 3), 7)};
  for (int i = 0; i < 3; ++i) {
    auto error = bench.refused(lost);
    CHECK(is(error, ec::store_failed));
    CHECK(text_of(error).find(rig_of(bench).data().string())
          != std::string::npos);
  }
  bench.broken = false;
  CHECK(std::get<receipt>(bench.done(lost)).duplicate == false);
  // Each failure was an answer already.
  for (const auto& line : rig_of(bench).reports)
    CHECK(line.find("had not come to its end") == std::string::npos);
  CHECK(bench.page().entries.size() == 2);
  bench.route_all({bench.irc});
  CHECK(numbers_in(bench.drain(bench.irc)) == up_to(3));
  bench.rig->reopen();
  CHECK(bench.row(bench.irc).pending_events == 0);
  CHECK(bench.row(bench.irc).delivered_events == 3);
}

TEST_CASE("what is read between a root that cannot be written and the next "
          "commit is what was committed before") {
  root_bench bench;
  bench.append(numbered(1));
  bench.broken = true;
  bench.refused(storage::append{make_batch("irc", "lost", numbered(1, 2), 7)});
  CHECK(bench.page().entries.size() == 1);
  CHECK(bench.stat().pool_batches == 1);
}

TEST_SUITE_END();
