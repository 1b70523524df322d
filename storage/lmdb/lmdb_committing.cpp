// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/calls.hpp"
#include "storage/lmdb/dead_letters.hpp"
#include "storage/lmdb/leases.hpp"
#include "storage/lmdb/mapped_store.hpp"
#include "storage/lmdb/pool.hpp"
#include "storage/lmdb/queues.hpp"
#include "storage/lmdb/rooms.hpp"
#include "storage/lmdb/routing.hpp"
#include "storage/lmdb/services.hpp"
#include "storage/lmdb/sessions.hpp"

namespace posthorn::storage::lmdb {

namespace {

constexpr std::chrono::minutes reader_check_interval{1};

} // namespace

int mapped_store::attempt(std::span<const mutation> work,
                          std::vector<caf::expected<reply>>& answers) {
  answers.clear();
  if (!env_)
    return MDB_PANIC;
  if (auto error = writer_->lock()) {
    answers.assign(work.size(), error);
    return 0;
  }
  scope_guard turn{[this] { writer_->unlock(); }};
  if (auto code = settle_root())
    return code;
  writing txn{*env_};
  if (txn.failure() != 0)
    return txn.failure();
  auto stored = read_counters(txn);
  if (!stored) {
    answers.assign(work.size(), stored.error());
    return txn.failure();
  }
  auto count = *stored;
  session_book sessions{txn, options_, *nodes_};
  seen_.drop();
  commit_scope scope{options_, prefix_, txn,      count,   verified_,
                     seen_,    rot_,    sessions, *nodes_, scarce_};
  for (auto& each : work) {
    answers.push_back(
      std::visit([&scope](auto& what) { return apply(scope, what); }, each));
    if (txn.failure() != 0)
      return txn.failure();
  }
  if (count != *stored)
    put_record(txn, table::meta, "counters", count);
  if (!txn.wrote())
    return txn.failure();
  writer_->mark(true);
  if (options_.before_commit)
    options_.before_commit();
  failed_ = true;
  if (auto code = txn.commit())
    return code;
  failed_ = false;
  writer_->mark(false);
  seen_.keep();
  return 0;
}

int mapped_store::settle_root() {
  if (!writer_->is_marked())
    return 0;
  if (auto code = mdb_env_sync(env_->raw(), 1))
    return code;
  writer_->mark(false);
  // What failed here was an answer: only that of another process is news.
  const auto ours = std::exchange(failed_, false);
  if (options_.report && writer_->has_mark() && !ours)
    options_.report("store " + options_.directory.string()
                    + ": the last commit had not come to its end; the root "
                      "that counts is on the disk now");
  return 0;
}

int mapped_store::attempt_anew(std::span<const mutation> work,
                               std::vector<caf::expected<reply>>& answers) {
  auto code = attempt(work, answers);
  if (code == 0 || is_usable())
    return code;
  // Now and not with the next commit: until then nobody could read either.
  auto failed = start_anew();
  return failed || code != MDB_PANIC ? code : attempt(work, answers);
}

bool mapped_store::is_usable() {
  if (!env_)
    return false;
  // Who cannot have its turn does not know better.
  if (writer_->lock())
    return true;
  scope_guard turn{[this] { writer_->unlock(); }};
  return writing{*env_}.failure() != MDB_PANIC;
}

caf::error mapped_store::commit_fault(int code, const mutation& what) const {
  if (code == MDB_MAP_FULL && std::holds_alternative<append>(what))
    return fault(ec::store_full,
                 "store " + options_.directory.string()
                   + ": its file has reached its largest size; it takes no "
                     "new events until some are delivered");
  if (env_)
    return env_->failure(code, "cannot write");
  return not_open();
}

std::vector<caf::expected<reply>>
mapped_store::one_by_one(std::span<const mutation> work) {
  std::vector<caf::expected<reply>> result;
  std::vector<caf::expected<reply>> answers;
  // Where one batch has found no room, the next ones would only take time.
  std::optional<caf::error> appends_fail;
  for (auto& each : work) {
    auto is_append = std::holds_alternative<append>(each);
    if (is_append && appends_fail) {
      result.emplace_back(*appends_fail);
      continue;
    }
    if (auto code = attempt_anew({&each, 1}, answers)) {
      auto error = commit_fault(code, each);
      if (is_append)
        appends_fail = error;
      result.emplace_back(std::move(error));
    } else {
      result.push_back(std::move(answers.front()));
    }
  }
  return result;
}

std::vector<caf::expected<reply>>
mapped_store::commit(std::span<const mutation> work) {
  auto now = std::chrono::steady_clock::now();
  if (now - readers_checked_ >= reader_check_interval) {
    readers_checked_ = now;
    if (env_)
      env_->check_readers();
  }
  std::vector<caf::expected<reply>> answers;
  answers.reserve(work.size());
  auto code = attempt_anew(work, answers);
  if (code == 0)
    return answers;
  scarce_ = true;
  if (work.size() == 1)
    return {commit_fault(code, work.front())};
  return one_by_one(work);
}

} // namespace posthorn::storage::lmdb
