// SPDX-License-Identifier: Apache-2.0
// The store's directory, held by one process at a time.
#pragma once

#include <caf/expected.hpp>

#include <filesystem>
#include <memory>

namespace posthorn::storage::lmdb {

/// The lock `<directory>/posthorn.lock`, which names its holder's process id.
/// The kernel frees it when the process ends, however it ends.
class directory_lock {
public:
  /// Makes the directory (mode 0700) if it is not there, and locks it. Errors:
  /// store_locked (names the holder), store_failed, bad_config (the directory
  /// is on a network file system, where LMDB's locks and maps do not hold).
  static caf::expected<std::unique_ptr<directory_lock>>
  take(const std::filesystem::path& directory);

  directory_lock(const directory_lock&) = delete;
  directory_lock(directory_lock&&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;
  directory_lock& operator=(directory_lock&&) = delete;
  ~directory_lock();

private:
  explicit directory_lock(int file) : file_{file} {
    // nop
  }

  int file_;
};

} // namespace posthorn::storage::lmdb
