// SPDX-License-Identifier: Apache-2.0
// The store over LMDB: what lmdb_opening.cpp, lmdb_committing.cpp and
// lmdb_reading.cpp share.
#pragma once

#include "storage/lmdb/commit_scope.hpp"
#include "storage/lmdb/directory.hpp"
#include "storage/lmdb/lmdb_store.hpp"
#include "storage/lmdb/locks.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace posthorn::storage::lmdb {

/// Does something at the end of a block.
template <class What>
class scope_guard {
public:
  explicit scope_guard(What what) : what_{std::move(what)} {
    // nop
  }

  scope_guard(const scope_guard&) = delete;
  scope_guard& operator=(const scope_guard&) = delete;

  ~scope_guard() {
    what_();
  }

private:
  What what_;
};

/// One environment, one writing thread, any number of readers.
class mapped_store final : public store {
public:
  explicit mapped_store(lmdb_options options)
    : options_{std::move(options)}, rot_{options_.report} {
    // nop
  }

  caf::error open();

  std::vector<caf::expected<reply>>
  commit(std::span<const mutation> work) override;

  caf::expected<pool_page> peek(std::uint64_t from,
                                const page_limits& limits) const override;
  caf::expected<std::uint64_t> cursor() const override;
  caf::expected<std::vector<service_row>> services() const override;
  caf::error
  joined(std::string_view room_id,
         const std::function<void(std::string_view)>& each) const override;
  caf::error
  rooms_of(std::string_view user_id,
           const std::function<bool(std::string_view)>& each) const override;
  caf::expected<bool> is_joined(std::string_view room_id,
                                std::string_view user_id) const override;
  caf::expected<std::vector<std::string>>
  aliases(std::string_view room_id) const override;
  caf::expected<dead_page> dead_letters(const dead_query& what) const override;
  caf::expected<store_stat> stat() const override;
  caf::expected<std::vector<node_row>> nodes() const override;
  caf::expected<lease_list> leases(std::uint64_t known) const override;
  caf::expected<bool> is_called(session_no session) const override;
  caf::expected<event_trace> trace(const trace_query& what) const override;
  std::string unblock() override;

private:
  /// That there is no environment now.
  caf::error not_open() const;
  caf::expected<store_stat> read_stat(reading& txn) const;
  caf::error open_environment();
  caf::error open_tables();

  /// After MDB_PANIC: closes the environment and opens it anew. There is none
  /// afterwards when that fails.
  caf::error start_anew();

  /// Where the last commit, of whatever process, did not get to its end: brings
  /// the root that counts to the disk. LMDB may have put an old one back, but
  /// only in memory; were the new one on the disk, the next commit would write
  /// over what that refers to. Answers an LMDB code. Under the writer's lock.
  int settle_root();

  /// Whether the environment takes writes after one that failed.
  bool is_usable();

  /// Calls `what` with a read transaction.
  template <class Answer>
  Answer read(const std::function<Answer(reading&)>& what) const;

  /// Carries out `work` in one transaction. Answers an LMDB code; unless it is
  /// 0, nothing has happened and `answers` mean nothing.
  int attempt(std::span<const mutation> work,
              std::vector<caf::expected<reply>>& answers);
  /// The same, on an environment that is opened anew where a write before had
  /// failed half way.
  int attempt_anew(std::span<const mutation> work,
                   std::vector<caf::expected<reply>>& answers);
  std::vector<caf::expected<reply>> one_by_one(std::span<const mutation> work);
  caf::error commit_fault(int code, const mutation& what) const;

  lmdb_options options_;
  // Before the environment: it outlives it.
  std::unique_ptr<directory_lock> lock_;
  std::unique_ptr<environment> env_;
  /// Held by readers; alone by the writer while it replaces env_.
  mutable std::shared_mutex env_guard_;
  std::unique_ptr<writer_lock> writer_;
  std::unique_ptr<node_locks> nodes_;
  std::array<char, 12> prefix_{};
  verified_records verified_;
  seen_index seen_;
  bool scarce_ = false;
  /// The last commit of this process failed, which was told.
  bool failed_ = false;
  mutable rot_log rot_;
  std::chrono::steady_clock::time_point readers_checked_;
};

} // namespace posthorn::storage::lmdb
