// SPDX-License-Identifier: Apache-2.0
// Two processes on one LMDB store.
#include "storage/lmdb/locks.hpp"
#include "tests/contract/lmdb_rig.hpp"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <string>
#include <thread>

using namespace posthorn;
using namespace posthorn::contract;
using namespace std::chrono_literals;

namespace {

/// A process with a store of its own opening on the same directory, which does
/// what it is told: 'o' opens the session of node b and takes the lease of irc,
/// 'a' appends a batch, 'w' stops for good in the middle of a commit, 'k' is
/// killed there.
class other_process {
public:
  explicit other_process(lmdb_rig& rig) {
    // Nothing of LMDB's may be open across a fork.
    rig.store.reset();
    REQUIRE(pipe(to_) == 0);
    REQUIRE(pipe(from_) == 0);
    process_ = fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0)
      serve(rig);
    REQUIRE(told() == 'r');
    rig.reopen();
  }

  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;

  ~other_process() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
    for (auto file : {to_[0], to_[1], from_[0], from_[1]})
      close(file);
  }

  /// Tells it, and waits until it has done so.
  void tell(char what) {
    send(what);
    REQUIRE(told() == what);
  }

  void send(char what) {
    REQUIRE(write(to_[1], &what, 1) == 1);
  }

  /// Until it stands still.
  void wait_stopped() {
    int status = 0;
    REQUIRE(waitpid(process_, &status, WUNTRACED) == process_);
    REQUIRE(WIFSTOPPED(status));
  }

  /// Until it has been killed.
  void wait_killed() {
    int status = 0;
    REQUIRE(waitpid(process_, &status, 0) == process_);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
    process_ = 0;
  }

  void end() {
    kill(process_, SIGKILL);
    wait_killed();
  }

private:
  char told() {
    char what = 0;
    REQUIRE(read(from_[0], &what, 1) == 1);
    return what;
  }

  [[noreturn]] void serve(lmdb_rig& rig) {
    auto options = rig.options();
    auto signal = std::make_shared<int>(0);
    options.before_commit = [signal] {
      if (*signal != 0)
        raise(*signal);
    };
    auto store = storage::open_lmdb(options);
    auto done = [&](storage::mutation what) {
      auto answers = (*store)->commit({&what, 1});
      if (!answers[0])
        _exit(1);
      return *answers[0];
    };
    char what = store ? 'r' : 'x';
    for (int count = 0; write(from_[1], &what, 1) == 1; ++count) {
      if (read(to_[0], &what, 1) != 1)
        break;
      if (what == 'o') {
        session_request request;
        request.node = "b";
        auto opened = std::get<session>(done(storage::open_session{request}));
        done(storage::take_lease{{"service/irc", "b", opened.number}});
      } else {
        *signal = what == 'w' ? SIGSTOP : what == 'k' ? SIGKILL : 0;
        auto id = "child-" + std::to_string(count);
        done(storage::append{make_batch("", id, numbered(1))});
      }
    }
    _exit(0);
  }

  int to_[2] = {};
  int from_[2] = {};
  pid_t process_ = 0;
};

storage::take_lease ask(session_no session) {
  return {{"service/irc", "a", session}};
}

lmdb_rig& rig_of(workbench& bench) {
  return dynamic_cast<lmdb_rig&>(*bench.rig);
}

/// What LMDB did to its file, one letter a call: 's' for a sync, 'w' for a
/// write of pages or of a root.
std::string disk_calls;

template <class Function>
Function* next_of(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// A process that takes write.lock again as soon as it has let go of it, and
/// holds it for as long as a disk takes to sync.
class busy_writer {
public:
  explicit busy_writer(const std::filesystem::path& directory) {
    auto* page = mmap(nullptr, sizeof(*turns_), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page != MAP_FAILED);
    turns_ = new (page) std::atomic<long>{0};
    process_ = fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0)
      write_for_ever(directory);
    wait_turn();
  }

  busy_writer(const busy_writer&) = delete;
  busy_writer& operator=(const busy_writer&) = delete;

  ~busy_writer() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    munmap(turns_, sizeof(*turns_));
  }

  /// Until it has had the lock once more.
  void wait_turn() const {
    const auto before = turns();
    while (turns() == before)
      std::this_thread::yield();
  }

  /// How often it has had the lock.
  long turns() const {
    return turns_->load();
  }

private:
  [[noreturn]] void write_for_ever(const std::filesystem::path& directory) {
    storage::lmdb::writer_lock lock{directory};
    while (!lock.lock()) {
      ++*turns_;
      std::this_thread::sleep_for(80ms);
      lock.unlock();
    }
    _exit(1);
  }

  std::atomic<long>* turns_ = nullptr;
  pid_t process_ = 0;
};

} // namespace

// These stand before the C library's: LMDB's calls come here.

extern "C" int fdatasync(int file) {
  disk_calls += 's';
  static auto* const real = next_of<int(int)>("fdatasync");
  return real(file);
}

extern "C" ssize_t pwrite(int file, const void* bytes, std::size_t size,
                          off_t at) {
  disk_calls += 'w';
  static auto* const real
    = next_of<ssize_t(int, const void*, std::size_t, off_t)>("pwrite");
  return real(file, bytes, size, at);
}

extern "C" ssize_t writev(int file, const iovec* parts, int count) {
  disk_calls += 'w';
  static auto* const real = next_of<ssize_t(int, const iovec*, int)>("writev");
  return real(file, parts, count);
}

TEST_SUITE_BEGIN("lmdb: sharing");

TEST_CASE("what one process commits, the other builds on") {
  workbench bench;
  other_process other{rig_of(bench)};
  for (std::uint64_t n = 1; n < 10; n += 2) {
    CHECK(bench.append(numbered(1)) == n);
    other.tell('a');
    CHECK(bench.stat().pool_batches == n + 1);
  }
  storage::page_limits all;
  CHECK(bench.page(all).entries.size() == 10);
}

TEST_CASE("a feed transaction that the other process took is a duplicate") {
  workbench bench;
  other_process other{rig_of(bench)};
  other.tell('a');
  auto again = make_batch("", "child-0", numbered(1));
  CHECK(std::get<receipt>(bench.done(storage::append{again})).duplicate);
}

TEST_CASE("a lease of a process that lives is held; of one that was killed, it "
          "is free at once") {
  workbench bench;
  other_process other{rig_of(bench)};
  auto mine = bench.session("a");
  other.tell('o');
  CHECK(bench.node("b").alive);
  CHECK(is(bench.refused(ask(mine)), ec::lease_held));
  other.end();
  CHECK(!bench.node("b").alive);
  CHECK(std::get<lease>(bench.done(ask(mine))).epoch == 2);
}

TEST_CASE("a name that another process runs under is refused, naming it") {
  workbench bench;
  other_process other{rig_of(bench)};
  other.tell('o');
  session_request request;
  request.node = "b";
  CHECK(is(bench.refused(storage::open_session{request}), ec::lease_held));
  other.end();
  bench.session("b");
}

TEST_CASE("who finds that another process did not get to the end of a commit "
          "brings the root that counts to the disk before it writes") {
  workbench bench;
  auto& reports = rig_of(bench).reports;
  const auto settled = [&] {
    return std::count_if(reports.begin(), reports.end(), [](const auto& line) {
      return line.find("had not come to its end") != std::string::npos;
    });
  };
  other_process other{rig_of(bench)};
  other.tell('a');
  bench.append(numbered(1));
  CHECK(settled() == 0);
  other.send('k');
  other.wait_killed();
  disk_calls.clear();
  CHECK(bench.append(numbered(1)) == 3);
  CHECK(settled() == 1);
  CHECK(disk_calls.front() == 's');
  disk_calls.clear();
  CHECK(bench.append(numbered(1)) == 4);
  CHECK(disk_calls.front() == 'w');
  CHECK(settled() == 1);
}

TEST_CASE("a mark in write.lock is there for whoever opens the store next, and "
          "survives the file's opening") {
  temporary_directory place;
  {
    storage::lmdb::writer_lock first{place.path()};
    REQUIRE(!first.lock());
    CHECK(first.has_mark());
    CHECK(!first.is_marked());
    first.mark(true);
  }
  storage::lmdb::writer_lock second{place.path()};
  CHECK(second.is_marked());
  second.mark(false);
  storage::lmdb::writer_lock third{place.path()};
  CHECK(!third.is_marked());
}

TEST_CASE("who waits for its turn to write, or polls for it at its start, has "
          "it among processes that write all the time") {
  temporary_directory place;
  busy_writer one{place.path()};
  busy_writer two{place.path()};
  storage::lmdb::writer_lock lock{place.path()};
  for (int i = 0; i < 10; ++i) {
    const auto before = one.turns() + two.turns();
    REQUIRE(!(i % 2 == 0 ? lock.lock() : lock.lock_at_start()));
    CHECK(one.turns() + two.turns() - before <= 4);
    lock.unlock();
    one.wait_turn();
    two.wait_turn();
  }
}

TEST_CASE("a process that is stopped inside a commit is ended, and nothing of "
          "the commit is left") {
  workbench bench;
  other_process other{rig_of(bench)};
  CHECK(bench.it().unblock() == "");
  other.send('w');
  other.wait_stopped();
  CHECK(bench.it().unblock().find("killed process") != std::string::npos);
  other.wait_killed();
  CHECK(bench.append(numbered(1)) == 1);
}

TEST_SUITE_END();
