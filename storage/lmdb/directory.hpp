// SPDX-License-Identifier: Apache-2.0
// The store's directory, and who has it open.
#pragma once

#include <caf/expected.hpp>
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

namespace posthorn::storage::lmdb {

/// The lock `<directory>/posthorn.lock`: shared by the processes that have the
/// store open, so that whoever wants it alone can tell. A process opens a store
/// once, since LMDB would lose its own locks with the first that is closed.
class directory_lock {
public:
  /// Makes the directory (mode 0700) if it is not there, and locks it. Errors:
  /// store_locked (it is open in this process, or a process has it alone),
  /// store_failed, bad_config (the directory is on a network file system, where
  /// LMDB's locks and maps do not hold).
  static caf::expected<std::unique_ptr<directory_lock>>
  take(const std::filesystem::path& directory);

  directory_lock(const directory_lock&) = delete;
  directory_lock(directory_lock&&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;
  directory_lock& operator=(directory_lock&&) = delete;
  ~directory_lock();

private:
  /// A directory that this process has open; a forked child has not.
  struct place {
    pid_t process = 0;
    dev_t device = 0;
    ino_t inode = 0;

    bool operator==(const place&) const = default;
  };

  explicit directory_lock(int file) : file_{file} {
    // nop
  }

  static std::mutex places_guard;
  static std::vector<place> places;

  int file_;
  place place_;
};

} // namespace posthorn::storage::lmdb
