// SPDX-License-Identifier: Apache-2.0
// Consistent copies of an LMDB store, also while nodes use it.
#pragma once

#include <caf/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

namespace posthorn::storage {

/// What was copied.
struct copied_store {
  /// The store's random id, the same in the copy.
  std::string id;
  /// Sizes of the two files. Pages that nothing uses are in a backup, too, and
  /// left out of a compact copy.
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes = 0;
};

/// Copies the store in `from` into the directory `to`, which must be empty or
/// not there; it gets mode 0700. The copy is the state of one commit, whatever
/// nodes write meanwhile, and is on disk when this returns. While it is made,
/// the pages of that state are not used again: a store under load grows by what
/// is written meanwhile.
///
/// A node on the copy sends what was open with the id that it had, and gives
/// new transactions ids that nobody has seen: part of an id is drawn at each
/// start (lmdb_opening.cpp).
///
/// Errors: store_failed (which file, which reason; `to` is left as it was),
/// store_version, store_corrupt.
caf::expected<copied_store> copy_lmdb(const std::filesystem::path& from,
                                      const std::filesystem::path& to,
                                      bool compact);

} // namespace posthorn::storage
