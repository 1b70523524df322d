// SPDX-License-Identifier: Apache-2.0
// What LMDB trusts and cannot check: looked at before the store is used.
//
// LMDB's pages have no checksums, and one that is wrong makes it read what is
// not there, or end the process. So a store whose pages do not fit together is
// not opened. Records carry checksums and are judged when they are read; here
// only where nobody would come across them any more.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/lmdb/environment.hpp"

#include <caf/error.hpp>

#include <filesystem>

namespace posthorn::storage::lmdb {

/// Before LMDB opens the file: both roots are in order, follow each other, and
/// the file is as long as they say. Fine when there is none yet. Errors:
/// store_corrupt, store_failed.
caf::error survey_roots(const std::filesystem::path& directory);

/// Walks every page of every tree as of the newest root: each is what it should
/// be, belongs to one tree only, and is not listed as free; keys are in order.
/// Reads all of the file but the insides of large records. Errors:
/// store_corrupt (names table and page), store_failed.
caf::error survey_trees(environment& env);

/// With the tables open: no record lies under a key where it would be missed.
/// What is wrong without hiding anything else is told to `rot`. Errors:
/// store_corrupt, store_failed.
caf::error survey_keys(environment& env, rot_log& rot);

} // namespace posthorn::storage::lmdb
