// SPDX-License-Identifier: Apache-2.0
// An LMDB store under test, in a directory of its own.
#pragma once

#include "storage/lmdb/keys.hpp"
#include "storage/lmdb/lmdb_store.hpp"
#include "tests/contract/store_contract.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn::contract {

/// Changes a record of a closed store behind its back. Answers whether it was
/// there.
bool rewrite_record(const std::filesystem::path& directory,
                    storage::lmdb::table where, std::string_view key,
                    const std::function<void(std::string&)>& change);

/// Removes a table of a closed store, as if there never had been one.
void drop_table(const std::filesystem::path& directory,
                storage::lmdb::table which);

/// A directory that goes with the object.
class temporary_directory {
public:
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  const std::filesystem::path& path() const {
    return path_;
  }

private:
  std::filesystem::path path_;
};

class lmdb_rig : public store_rig {
public:
  lmdb_rig();

  storage::store& it() override {
    return *store;
  }

  void reopen() override;
  void start_over() override;
  void keep_copy() override;
  void restore_copy() override;

  /// As reopen() opens it.
  storage::lmdb_options options();

  std::filesystem::path data() const {
    return place.path() / "store";
  }

  /// Flips a bit of each place in the closed store's file where `mark` stands
  /// (LMDB leaves old copies of pages about), and opens it again.
  void flip_at(const std::string& mark);

  /// The same for what the file says under a key of a table.
  void flip_record(storage::lmdb::table where, std::string_view key);

  temporary_directory place;
  std::unique_ptr<storage::store> store;
  /// What the store told the operator.
  std::vector<std::string> reports;
  /// As lmdb_options::before_commit, from the next opening on.
  std::function<void()> before_commit;
};

} // namespace posthorn::contract
