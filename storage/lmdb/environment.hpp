// SPDX-License-Identifier: Apache-2.0
// LMDB's environment, transactions and cursors, owned and without exceptions.
#pragma once

#include "storage/lmdb/keys.hpp"

#include <caf/expected.hpp>
#include <lmdb.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace posthorn::storage::lmdb {

/// What an LMDB return code means, in words.
std::string reason_of(int code);

class transaction;

/// The environment with all its tables. Reading from any thread, writing from
/// one.
class environment {
public:
  /// Opens or makes the environment; `map_bytes` is a lower bound of the map.
  /// The tables are not open yet. Errors: store_failed.
  static caf::expected<std::unique_ptr<environment>>
  open(const std::filesystem::path& directory, std::uint64_t map_bytes);

  environment(const environment&) = delete;
  environment(environment&&) = delete;
  environment& operator=(const environment&) = delete;
  environment& operator=(environment&&) = delete;
  ~environment();

  MDB_env* raw() const {
    return env_;
  }

  MDB_dbi handle(table which) const {
    return handles_[static_cast<std::size_t>(which)];
  }

  const std::filesystem::path& directory() const {
    return directory_;
  }

  std::size_t page_bytes() const {
    return page_bytes_;
  }

  /// Opens a table inside `txn`, making it if `make`. Answers an LMDB code
  /// (MDB_NOTFOUND when there is none).
  int open_table(MDB_txn* txn, table which, bool make);

  /// An error that names the directory and the reason.
  caf::error failure(int code, std::string_view doing) const;

  /// Frees the reader slots of processes that died.
  void check_readers();

  /// Whether there are pages enough for `txn` to write `bytes` more,
  /// beside what deliveries need. Reserves blocks of the disk ahead of the
  /// file's end, so that a full disk stops appends while completions still have
  /// room. Answers an error that says what is full, or none.
  std::optional<caf::error> lacks_room(const transaction& txn,
                                       std::uint64_t bytes);

private:
  friend class reading;
  friend class writing;

  environment() = default;

  /// Begins a transaction by `begin`, which answers an LMDB code, with
  /// `map_use` held from then on. Where another process has let the file
  /// outgrow this one's map, takes over its size first.
  int begin(std::shared_lock<std::shared_mutex>& map_use,
            const std::function<int()>& begin);

  /// A read transaction, new or used before. Null, with a code, on failure.
  MDB_txn* take_reader(int& code);
  void return_reader(MDB_txn* txn);
  int reserve_blocks(std::uint64_t end);
  std::uint64_t free_bytes(const transaction& beside);

  std::filesystem::path directory_;
  MDB_env* env_ = nullptr;
  std::array<MDB_dbi, table_names.size()> handles_{};
  std::size_t page_bytes_ = 4096;
  std::uint64_t reserved_ = 0;
  std::uint64_t free_bytes_ = 0;
  std::size_t free_as_of_ = 0;
  /// Shared by the transactions that look at the map, whole for who moves it.
  std::shared_mutex map_guard_;
  std::mutex readers_guard_;
  std::vector<MDB_txn*> readers_;
};

/// What read and write transactions have in common. Bytes that get() answers
/// stay valid until the next write or the end of the transaction.
///
/// The first failure sticks: from then on nothing is found and nothing written,
/// and failure() says why. So a caller may check once, at its end.
class transaction {
public:
  transaction(const transaction&) = delete;
  transaction(transaction&&) = delete;
  transaction& operator=(const transaction&) = delete;
  transaction& operator=(transaction&&) = delete;

  environment& env() const {
    return env_;
  }

  MDB_txn* raw() const {
    return txn_;
  }

  /// The first LMDB code that was neither success nor "not found", else 0.
  int failure() const {
    return failure_;
  }

  /// The record of a key, or none (also after a failure).
  std::optional<std::string_view> get(table where, std::string_view key);

protected:
  friend class walker;

  explicit transaction(environment& env) : env_{env} {
    // nop
  }

  ~transaction() = default;

  /// Whether `code` is success; remembers a failure.
  bool good(int code);

  environment& env_;
  std::shared_lock<std::shared_mutex> map_use_;
  MDB_txn* txn_ = nullptr;
  int failure_ = 0;
};

/// A read transaction. Short: it pins pages while it lives.
class reading : public transaction {
public:
  explicit reading(environment& env);

  /// Beside a write transaction of the same thread.
  reading(environment& env, const transaction& beside);
  reading(const reading&) = delete;
  reading(reading&&) = delete;
  reading& operator=(const reading&) = delete;
  reading& operator=(reading&&) = delete;
  ~reading();
};

/// A write transaction. Aborted unless committed.
class writing : public transaction {
public:
  explicit writing(environment& env);
  writing(const writing&) = delete;
  writing(writing&&) = delete;
  writing& operator=(const writing&) = delete;
  writing& operator=(writing&&) = delete;
  ~writing();

  /// Whether anything was changed.
  bool wrote() const {
    return wrote_;
  }

  /// Stores a copy of `value`. `flags`: MDB_APPEND where the key is larger than
  /// all others of the table.
  bool put(table where, std::string_view key, std::string_view value,
           unsigned flags = 0);

  /// Makes room for `size` bytes, to be filled before the next write. Null on
  /// failure.
  char* reserve(table where, std::string_view key, std::size_t size,
                unsigned flags = 0);

  /// Deletes a record; fine when there is none.
  void erase(table where, std::string_view key);

  /// Brings everything to the disk and ends the transaction. Answers an LMDB
  /// code; on failure nothing has happened.
  int commit();

private:
  bool wrote_ = false;
};

/// Walks a table in key order. Lives shorter than its transaction; after a
/// write to the table, seek() anew.
class walker {
public:
  walker(transaction& txn, table where);
  walker(const walker&) = delete;
  walker(walker&&) = delete;
  walker& operator=(const walker&) = delete;
  walker& operator=(walker&&) = delete;
  ~walker();

  /// Goes to the first record at or after `key`. Answers whether there is one.
  bool seek(std::string_view key);

  /// Goes to the next record.
  bool step();

  std::string_view key() const {
    return {static_cast<const char*>(key_.mv_data), key_.mv_size};
  }

  std::string_view value() const {
    return {static_cast<const char*>(value_.mv_data), value_.mv_size};
  }

private:
  bool go(MDB_cursor_op where);

  transaction& txn_;
  MDB_cursor* cursor_ = nullptr;
  MDB_val key_{};
  MDB_val value_{};
};

} // namespace posthorn::storage::lmdb
