// SPDX-License-Identifier: Apache-2.0
// Locks that tell the processes of one store from each other. The kernel frees
// them when a process ends, however it ends.
#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn::storage::lmdb {

/// `<directory>/node-<name>.lock`, held by the process that runs under a node's
/// name: who finds it free knows that the process is dead, without waiting for
/// its session to run out. Any thread.
class node_locks {
public:
  explicit node_locks(std::filesystem::path directory);
  node_locks(const node_locks&) = delete;
  node_locks& operator=(const node_locks&) = delete;
  ~node_locks();

  /// Takes a name's lock; fine when it is ours already. Errors: lease_held
  /// (names the process), store_failed.
  caf::error take(const std::string& name);

  /// Gives a lock back; fine when it is not ours.
  void give(std::string_view name);

  /// Whether some process, this one included, holds a name's lock. Where that
  /// cannot be found out: yes.
  bool is_held(std::string_view name) const;

private:
  std::filesystem::path path_of(std::string_view name) const;

  std::filesystem::path directory_;
  mutable std::mutex guard_;
  /// By name: the file of a lock that is ours.
  std::map<std::string, int, std::less<>> ours_;
};

/// `<directory>/write.lock`, held during each commit: it names who writes,
/// which LMDB's own lock does not. A process that is stopped (SIGSTOP) while it
/// writes would keep all others from writing until it goes on.
///
/// Its first byte is the mark of a commit that has begun to write its root. Who
/// finds it set knows that the last holder did not get to the end of that: the
/// root that counts may be in memory alone, and another one on the disk.
///
/// Two more bytes say who waits. The kernel gives a lock to whoever asks first,
/// and that is who has just let go of it, since it runs; and to who is blocked
/// on it rather than to who asks now and then. On a slow disk the others would
/// neither start nor keep their sessions.
class writer_lock {
public:
  explicit writer_lock(const std::filesystem::path& directory);
  writer_lock(const writer_lock&) = delete;
  writer_lock& operator=(const writer_lock&) = delete;
  ~writer_lock();

  /// Waits for it. Who has had it last leaves it to one who waits, and
  /// everybody to one who starts, while it is free for 50 ms at most. Errors:
  /// store_failed.
  caf::error lock();

  /// As lock(), for who has nobody else to look after a stopped holder: ends
  /// one, and gives up after half a minute. Errors: store_failed (names the
  /// holder).
  caf::error lock_at_start();
  void unlock();

  /// Sets the mark, or takes it away; for who holds the lock.
  void mark(bool begun);

  /// Whether the mark is set; also where there is none, since the disk had no
  /// room for a byte or the file system allots none ahead.
  bool is_marked() const;

  bool has_mark() const {
    return mark_ != nullptr;
  }

  /// Kills the process that holds the lock if it is stopped. Nothing else lets
  /// the others write again: what it has begun can neither be finished nor
  /// undone by them while it may go on. Answers what was done, or an empty
  /// line. Any thread.
  std::string end_stopped_holder() const;

private:
  /// The process that holds it; 0 for none, or none that can be told.
  pid_t holder() const;

  /// Who waits, by its byte in the file.
  enum class waiter { blocked = 1, polling = 2 };

  /// Until such a one has had its turn. One that died or stands still does not
  /// come: so not for long, and once for each.
  void give_way(waiter to);
  void say(waiter who, bool waits);
  bool is_there(waiter who) const;

  std::filesystem::path path_;
  int file_ = -1;
  /// The first of the bytes, in memory that all processes share; null where
  /// there are none.
  char* mark_ = nullptr;
  /// It was let go of, and nobody has been given way to since.
  bool had_it_ = false;
};

} // namespace posthorn::storage::lmdb
