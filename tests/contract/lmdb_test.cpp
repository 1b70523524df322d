// SPDX-License-Identifier: Apache-2.0
// What is LMDB's own: the directory, the format, the boot, idle commits.
#include "storage/lmdb/copying.hpp"
#include "storage/lmdb/records.hpp"
#include "tests/contract/lmdb_rig.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace posthorn;
using namespace posthorn::contract;
namespace fs = std::filesystem;

namespace {

/// The workbench's rig, as what it is here.
lmdb_rig& rig_of(workbench& bench) {
  return dynamic_cast<lmdb_rig&>(*bench.rig);
}

/// Makes a closed store one of this format version.
void say_version(lmdb_rig& rig, std::uint32_t version) {
  using namespace storage::lmdb;
  REQUIRE(
    rewrite_record(rig.data(), table::meta, "format", [&](std::string& bytes) {
      format_record format;
      format.version = version;
      seal(table::meta, "format", reinterpret_cast<char*>(&format),
           sizeof(format));
      bytes.assign(reinterpret_cast<const char*>(&format), sizeof(format));
    }));
}

mode_t mode_of(const fs::path& path) {
  struct stat result {};

  REQUIRE(stat(path.c_str(), &result) == 0);
  return result.st_mode & 0777;
}

} // namespace

TEST_SUITE_BEGIN("lmdb");

TEST_CASE("the store's directory and files are for their owner alone") {
  lmdb_rig rig;
  CHECK(mode_of(rig.data()) == 0700);
  for (auto name : {"data.mdb", "lock.mdb", "posthorn.lock"})
    CHECK(mode_of(rig.data() / name) == 0600);
}

TEST_CASE("a process opens a store once") {
  lmdb_rig rig;
  auto second = storage::open_lmdb(rig.options());
  REQUIRE(!second);
  CHECK(is(second.error(), ec::store_locked));
  CHECK(text_of(second.error()).find(rig.data().string()) != std::string::npos);
  rig.reopen();
}

TEST_CASE("a directory that cannot be made is refused, naming it") {
  lmdb_rig rig;
  auto options = rig.options();
  options.directory = "/proc/nowhere/store";
  auto store = storage::open_lmdb(options);
  REQUIRE(!store);
  CHECK(is(store.error(), ec::store_failed));
  CHECK(text_of(store.error()).find("/proc/nowhere/store")
        != std::string::npos);
}

TEST_CASE("a store of another format version is refused and left alone") {
  for (auto other :
       {storage::lmdb::format_version + 1, storage::lmdb::format_version - 1}) {
    lmdb_rig rig;
    rig.store.reset();
    say_version(rig, other);
    auto store = storage::open_lmdb(rig.options());
    REQUIRE(!store);
    CHECK(is(store.error(), ec::store_version));
    CHECK(text_of(store.error()).find(rig.data().string())
          != std::string::npos);
  }
}

TEST_CASE("a file that is no store is refused") {
  lmdb_rig rig;
  rig.store.reset();
  fs::resize_file(rig.data() / "data.mdb", 0);
  fs::resize_file(rig.data() / "data.mdb", 100'000);
  auto store = storage::open_lmdb(rig.options());
  REQUIRE(!store);
  CHECK(is(store.error(), ec::store_corrupt));
}

TEST_CASE("leases of another boot are over") {
  lmdb_rig rig;
  auto take = [&](const std::string& node) {
    session_request asked;
    asked.node = node;
    storage::mutation open = storage::open_session{asked};
    auto session = rig.store->commit({&open, 1}).front();
    REQUIRE(session);
    auto number = std::get<posthorn::session>(*session).number;
    storage::mutation what = storage::take_lease{{"sorter", node, number}};
    return rig.store->commit({&what, 1}).front();
  };
  CHECK(take("a"));
  CHECK(!take("b"));
  rig.store.reset();
  auto options = rig.options();
  options.boot_id = "another";
  auto store = storage::open_lmdb(options);
  REQUIRE(store);
  rig.store = std::move(*store);
  rig.lease_now = std::chrono::milliseconds{5};
  auto lease = take("b");
  REQUIRE(lease);
  CHECK(std::get<posthorn::lease>(*lease).epoch == 2);
}

TEST_CASE("a commit in which nothing changes does not reach the disk") {
  workbench bench;
  int commits = 0;
  rig_of(bench).before_commit = [&] { ++commits; };
  bench.rig->reopen();
  auto irc = bench.service("irc");
  auto before = commits;
  CHECK(!bench.next(irc));
  bench.service("irc");
  CHECK(commits == before + 1); // its lease
  bench.append(numbered(3));
  bench.route_all({irc});
  auto out = bench.next(irc);
  before = commits;
  CHECK(bench.next(irc)->txn_id == out->txn_id);
  bench.refused(storage::complete{bench.claim_of(irc), "wrong", {}});
  bench.done(storage::set_paused{irc, false});
  CHECK(commits == before);
}

TEST_CASE("a smaller limit than what is held refuses batches and delivers") {
  workbench bench;
  auto irc = bench.service("irc");
  for (int i = 0; i < 40; ++i)
    bench.append({event_of(1'000'000)});
  bench.rig->want.max_store = 1'000'000;
  bench.rig->reopen();
  auto more = make_batch("", "more", {event_of(100)});
  CHECK(is(bench.refused(storage::append{more}), ec::store_full));
  bench.route_all({irc});
  CHECK(bench.drain(irc).size() == 40);
  bench.done(storage::append{more});
}

TEST_SUITE_END();
