// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/locks.hpp"

#include "messages/errors.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

namespace posthorn::storage::lmdb {

namespace {

/// How long a start waits for others to finish writing, for how long it lets
/// one be that is stopped, and how often it looks.
constexpr std::chrono::seconds start_patience{30};
constexpr std::chrono::seconds stopped_patience{3};
constexpr std::chrono::milliseconds start_pause{5};

/// How long the lock is left free for who waits, and how often is looked
/// whether that one has come. More than start_pause, and than a loaded machine
/// needs to wake a process.
constexpr std::chrono::milliseconds turn_patience{50};
constexpr std::chrono::microseconds turn_pause{100};

/// What lies in write.lock.
constexpr std::size_t mark_bytes = 3;

struct flock whole_file(short type) {
  struct flock result {};

  result.l_type = type;
  result.l_whence = SEEK_SET;
  return result;
}

caf::error failure(const std::filesystem::path& where, const char* doing) {
  return fault(ec::store_failed, "store " + where.string() + ": " + doing + ": "
                                   + std::strerror(errno));
}

std::string line_in(int file) {
  char text[32] = {};
  auto size = pread(file, text, sizeof(text) - 1, 0);
  std::string result{text, size > 0 ? static_cast<std::size_t>(size) : 0};
  if (auto end = result.find('\n'); end != std::string::npos)
    result.resize(end);
  return result.empty() ? "unknown" : result;
}

/// The state letter of /proc/<pid>/stat, or '\0'.
char state_of(pid_t process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
  std::string line;
  std::getline(file, line);
  // The name in front, in parentheses, may hold anything.
  auto end = line.rfind(')');
  return end != std::string::npos && end + 2 < line.size() ? line[end + 2]
                                                           : '\0';
}

} // namespace

// -- node_locks ---------------------------------------------------------------

node_locks::node_locks(std::filesystem::path directory)
  : directory_{std::move(directory)} {
  // nop
}

node_locks::~node_locks() {
  for (auto& [name, file] : ours_)
    close(file);
}

std::filesystem::path node_locks::path_of(std::string_view name) const {
  std::string file = "node-";
  file.append(name).append(".lock");
  return directory_ / file;
}

caf::error node_locks::take(const std::string& name) {
  std::lock_guard guard{guard_};
  if (ours_.count(name) > 0)
    return {};
  auto path = path_of(name);
  auto file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0)
    return failure(path, "cannot open");
  // Of the open file, not of the process: two stores of one process exclude
  // each other, too, and looking at it does not take it.
  auto lock = whole_file(F_WRLCK);
  if (fcntl(file, F_OFD_SETLK, &lock) != 0) {
    auto held = errno == EAGAIN || errno == EACCES;
    auto why = held ? fault(ec::lease_held,
                            "node " + name + ": process " + line_in(file)
                              + " runs under this name; give each node of a "
                                "store a name of its own (name, --name)")
                    : failure(path, "cannot lock");
    close(file);
    return why;
  }
  // On a full disk the process id may be missing; the lock holds all the same.
  auto holder = std::to_string(getpid()) + "\n";
  if (ftruncate(file, 0) == 0)
    (void)!pwrite(file, holder.data(), holder.size(), 0);
  ours_.emplace(name, file);
  return {};
}

void node_locks::give(std::string_view name) {
  std::lock_guard guard{guard_};
  if (auto found = ours_.find(name); found != ours_.end()) {
    close(found->second);
    ours_.erase(found);
  }
}

bool node_locks::is_held(std::string_view name) const {
  {
    std::lock_guard guard{guard_};
    if (ours_.find(name) != ours_.end())
      return true;
  }
  auto file = open(path_of(name).c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0)
    return errno != ENOENT;
  auto lock = whole_file(F_WRLCK);
  auto failed = fcntl(file, F_OFD_GETLK, &lock) != 0;
  close(file);
  return failed || lock.l_type != F_UNLCK;
}

// -- writer_lock --------------------------------------------------------------

writer_lock::writer_lock(const std::filesystem::path& directory)
  : path_{directory / "write.lock"}, file_{open(path_.c_str(),
                                                O_RDWR | O_CREAT | O_CLOEXEC,
                                                0600)} {
  // Not only sized: who touches a page of a file for which the disk has no room
  // is killed. It leaves bytes that are there as they are.
  if (file_ < 0 || fallocate(file_, 0, 0, mark_bytes) != 0)
    return;
  auto* page
    = mmap(nullptr, mark_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
  if (page != MAP_FAILED)
    mark_ = static_cast<char*>(page);
}

writer_lock::~writer_lock() {
  if (mark_ != nullptr)
    munmap(mark_, mark_bytes);
  if (file_ >= 0)
    close(file_);
}

caf::error writer_lock::lock() {
  if (std::exchange(had_it_, false))
    give_way(waiter::blocked);
  give_way(waiter::polling);
  // Of the process, since only such a lock tells others who holds it.
  auto lock = whole_file(F_WRLCK);
  if (fcntl(file_, F_SETLK, &lock) == 0)
    return {};
  say(waiter::blocked, true);
  while (fcntl(file_, F_SETLKW, &lock) != 0)
    if (errno != EINTR)
      return failure(path_, "cannot lock");
  say(waiter::blocked, false);
  return {};
}

void writer_lock::give_way(waiter to) {
  using std::chrono::steady_clock;
  if (!is_there(to))
    return;
  auto until = steady_clock::now() + turn_patience;
  while (is_there(to)) {
    const auto now = steady_clock::now();
    // Who is blocked comes next. Who polls would find somebody else blocked.
    if (to == waiter::polling && holder() != 0)
      until = now + turn_patience;
    if (now >= until)
      return say(to, false);
    std::this_thread::sleep_for(turn_pause);
  }
}

caf::error writer_lock::lock_at_start() {
  using std::chrono::steady_clock;
  const auto began = steady_clock::now();
  auto lock = whole_file(F_WRLCK);
  bool waits = false;
  while (fcntl(file_, F_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return failure(path_, "cannot lock");
    const auto waited = steady_clock::now() - began;
    if (waited > start_patience)
      return fault(ec::store_failed, "store " + path_.string() + ": process "
                                       + std::to_string(holder())
                                       + " does not stop writing");
    if (waited > stopped_patience)
      end_stopped_holder();
    say(waiter::polling, waits = true);
    std::this_thread::sleep_for(start_pause);
  }
  if (waits)
    say(waiter::polling, false);
  return {};
}

void writer_lock::unlock() {
  auto lock = whole_file(F_UNLCK);
  (void)fcntl(file_, F_SETLK, &lock);
  had_it_ = true;
}

void writer_lock::say(waiter who, bool waits) {
  if (mark_ != nullptr)
    std::atomic_ref{mark_[static_cast<int>(who)]}.store(waits ? 1 : 0);
}

bool writer_lock::is_there(waiter who) const {
  return mark_ != nullptr
         && std::atomic_ref{mark_[static_cast<int>(who)]}.load() != 0;
}

void writer_lock::mark(bool begun) {
  if (mark_ != nullptr)
    std::atomic_ref{*mark_}.store(begun ? 1 : 0);
}

bool writer_lock::is_marked() const {
  return mark_ == nullptr || std::atomic_ref{*mark_}.load() != 0;
}

pid_t writer_lock::holder() const {
  auto lock = whole_file(F_WRLCK);
  if (fcntl(file_, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK
      || lock.l_pid <= 1)
    return 0;
  return lock.l_pid;
}

std::string writer_lock::end_stopped_holder() const {
  const auto who = holder();
  const auto state = who != 0 ? state_of(who) : '\0';
  if (state != 'T' && state != 't')
    return {};
  auto process = std::to_string(who);
  if (kill(who, SIGKILL) != 0)
    return "process " + process
           + " is stopped in the middle of a commit, which keeps all others "
             "from writing, and cannot be killed: "
           + std::strerror(errno);
  return "killed process " + process
         + ": it was stopped in the middle of a commit, which kept all others "
           "from writing";
}

} // namespace posthorn::storage::lmdb
