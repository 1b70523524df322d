// SPDX-License-Identifier: Apache-2.0
// The embedded store: one LMDB environment in one directory.
#pragma once

#include "storage/store.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace posthorn::storage {

/// Where an LMDB store is and how it behaves.
struct lmdb_options {
  /// Made with mode 0700 when it is not there. On a local disk: network file
  /// systems are refused.
  std::filesystem::path directory;

  /// Bytes that batches may hold before append answers store_full. The file may
  /// get a quarter and 64 MiB larger, so that delivery never lacks room.
  std::uint64_t max_store = 16ull * 1024 * 1024 * 1024;

  /// The clock that leases run by. Default: CLOCK_BOOTTIME.
  std::function<std::chrono::milliseconds()> lease_clock;

  /// Which boot of the host this is: leases of another one are over. Default:
  /// the kernel's boot id.
  std::string boot_id;

  /// The time of day, for ages and for what operators read. Default: the
  /// system's.
  std::function<std::chrono::system_clock::time_point()> wall_clock;

  /// How many feed transactions are remembered to recognise repetitions, and
  /// for how long.
  std::size_t dedupe_max = 1'000'000;
  std::chrono::hours dedupe_age{7 * 24};

  /// Gets a line for the operator, e.g. about a rotten record. Called from the
  /// thread that commits and from any that reads.
  std::function<void(const std::string&)> report;

  /// Called in each commit when all is written and nothing is on disk yet: the
  /// instant at which a crash test dies.
  std::function<void()> before_commit;
};

/// Opens the store in `options.directory`, making it if there is none. Several
/// processes of a host may have it open, each of them once. Errors:
/// store_locked (it is open in this process), store_version (made by another
/// format version), store_corrupt (names the record), store_failed (directory
/// and reason), bad_config (a network file system).
caf::expected<std::unique_ptr<store>> open_lmdb(lmdb_options options);

} // namespace posthorn::storage
