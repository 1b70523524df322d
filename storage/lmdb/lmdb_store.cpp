// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/lmdb_store.hpp"

#include "storage/lmdb/commit_scope.hpp"
#include "storage/lmdb/directory.hpp"
#include "storage/lmdb/leases.hpp"
#include "storage/lmdb/pool.hpp"
#include "storage/lmdb/queues.hpp"
#include "storage/lmdb/random_text.hpp"
#include "storage/lmdb/rooms.hpp"
#include "storage/lmdb/routing.hpp"
#include "storage/lmdb/services.hpp"
#include "storage/lmdb/survey.hpp"

#include <time.h>

#include <fstream>
#include <mutex>
#include <shared_mutex>

namespace posthorn::storage {

namespace {

using namespace lmdb;

constexpr std::uint64_t head_room = 64ull * 1024 * 1024;

constexpr std::chrono::minutes reader_check_interval{1};

std::chrono::milliseconds boot_time() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds{now.tv_sec}
         + std::chrono::duration_cast<std::chrono::milliseconds>(
           std::chrono::nanoseconds{now.tv_nsec});
}

std::string kernel_boot_id() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string id;
  std::getline(file, id);
  return id;
}

caf::error not_open(const std::filesystem::path& directory) {
  return fault(ec::store_failed,
               "store " + directory.string()
                 + ": a write failed half way and the store could not be "
                   "opened anew; it is tried again with the next write");
}

class lmdb_store final : public store {
public:
  explicit lmdb_store(lmdb_options options)
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
  caf::expected<bool> is_joined(std::string_view room_id,
                                std::string_view user_id) const override;
  caf::expected<std::vector<std::string>>
  aliases(std::string_view room_id) const override;
  caf::expected<store_stat> stat() const override;

private:
  caf::expected<store_stat> read_stat(reading& txn) const;
  caf::error open_environment();
  caf::error open_tables();

  /// After MDB_PANIC: closes the environment and opens it anew. There is none
  /// afterwards when that fails.
  caf::error start_anew();

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
  /// False after start_anew(), until the root that then counts was synced.
  bool root_on_disk_ = true;
  std::array<char, 12> prefix_{};
  verified_records verified_;
  mutable rot_log rot_;
  std::chrono::steady_clock::time_point readers_checked_;
};

// -- opening ------------------------------------------------------------------

caf::error lmdb_store::open() {
  if (!draw("abcdefghijklmnopqrstuvwxyz0123456789", prefix_.data(),
            prefix_.size()))
    return no_randomness(options_.directory);
  auto lock = directory_lock::take(options_.directory);
  if (!lock)
    return lock.error();
  lock_ = std::move(*lock);
  if (auto error = survey_roots(options_.directory))
    return error;
  readers_checked_ = std::chrono::steady_clock::now();
  if (auto error = open_environment())
    return error;
  if (auto error = survey_trees(*env_))
    return error;
  if (auto error = open_tables())
    return error;
  return survey_keys(*env_, rot_);
}

caf::error lmdb_store::open_environment() {
  auto map = options_.max_store + options_.max_store / 4 + head_room;
  auto env = environment::open(options_.directory, map);
  if (!env)
    return env.error();
  env_ = std::move(*env);
  return {};
}

caf::error lmdb_store::start_anew() {
  std::unique_lock alone{env_guard_};
  env_.reset();
  auto error = open_environment();
  if (!error)
    error = open_tables();
  if (error)
    env_.reset();
  else if (options_.report)
    options_.report("store " + options_.directory.string()
                    + ": opened anew after a write that failed half way");
  root_on_disk_ = false;
  return error;
}

caf::error lmdb_store::open_tables() {
  writing txn{*env_};
  if (txn.failure() != 0)
    return env_->failure(txn.failure(), "cannot write");
  auto code = env_->open_table(txn.raw(), table::meta, false);
  auto fresh = code == MDB_NOTFOUND;
  if (code == 0) {
    auto bytes = txn.get(table::meta, "format");
    auto format = bytes ? decode<format_record>(table::meta, "format", *bytes)
                        : std::nullopt;
    if (!format)
      return rotten_fault(*env_, "\"format\" of table meta");
    if (format->version != format_version)
      return fault(ec::store_version, "store " + options_.directory.string()
                                        + ": has format version "
                                        + std::to_string(format->version)
                                        + ", this program reads version "
                                        + std::to_string(format_version));
  } else if (!fresh) {
    return env_->failure(code, "cannot open the table meta");
  }
  for (std::size_t i = 0; i < table_names.size(); ++i)
    if ((code = env_->open_table(txn.raw(), static_cast<table>(i), true)) != 0)
      return env_->failure(code, std::string{"cannot open the table "}
                                   + table_names[i]);
  if (fresh) {
    identity_record identity;
    if (!draw("0123456789abcdef", identity.id.data(), identity.id.size()))
      return no_randomness(options_.directory);
    put_record(txn, table::meta, "format", format_record{});
    put_record(txn, table::meta, "identity", identity);
    put_record(txn, table::meta, "counters", counters{});
  }
  auto count = read_counters(txn);
  if (!count)
    return count.error();
  if ((code = txn.commit()) != 0)
    return env_->failure(code, "cannot write");
  return {};
}

// -- committing ---------------------------------------------------------------

int lmdb_store::attempt(std::span<const mutation> work,
                        std::vector<caf::expected<reply>>& answers) {
  answers.clear();
  if (!env_)
    return MDB_PANIC;
  // LMDB has put its old root back, but not on the disk: were the new one
  // there, this commit would write over what that refers to.
  if (!root_on_disk_)
    if (auto code = mdb_env_sync(env_->raw(), 1))
      return code;
  root_on_disk_ = true;
  writing txn{*env_};
  if (txn.failure() != 0)
    return txn.failure();
  auto stored = read_counters(txn);
  if (!stored) {
    answers.assign(work.size(), stored.error());
    return txn.failure();
  }
  auto count = *stored;
  commit_scope scope{options_, prefix_, txn, count, verified_, rot_};
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
  if (options_.before_commit)
    options_.before_commit();
  return txn.commit();
}

int lmdb_store::attempt_anew(std::span<const mutation> work,
                             std::vector<caf::expected<reply>>& answers) {
  auto code = attempt(work, answers);
  if (code == 0 || (env_ && writing{*env_}.failure() != MDB_PANIC))
    return code;
  // Now and not with the next commit: until then nobody could read either.
  auto failed = start_anew();
  return failed || code != MDB_PANIC ? code : attempt(work, answers);
}

caf::error lmdb_store::commit_fault(int code, const mutation& what) const {
  if (code == MDB_MAP_FULL && std::holds_alternative<append>(what))
    return fault(ec::store_full,
                 "store " + options_.directory.string()
                   + ": its file has reached its largest size; it takes no "
                     "new events until some are delivered");
  if (env_)
    return env_->failure(code, "cannot write");
  return not_open(options_.directory);
}

std::vector<caf::expected<reply>>
lmdb_store::one_by_one(std::span<const mutation> work) {
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
lmdb_store::commit(std::span<const mutation> work) {
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
  if (work.size() == 1)
    return {commit_fault(code, work.front())};
  return one_by_one(work);
}

// -- reading ------------------------------------------------------------------

template <class Answer>
Answer lmdb_store::read(const std::function<Answer(reading&)>& what) const {
  std::shared_lock together{env_guard_};
  if (!env_)
    return not_open(options_.directory);
  reading txn{*env_};
  return what(txn);
}

caf::expected<pool_page> lmdb_store::peek(std::uint64_t from,
                                          const page_limits& limits) const {
  return read<caf::expected<pool_page>>(
    [&](reading& txn) { return read_page(txn, from, limits, rot_); });
}

caf::expected<std::uint64_t> lmdb_store::cursor() const {
  using answer = caf::expected<std::uint64_t>;
  return read<answer>([](reading& txn) -> answer {
    auto count = read_counters(txn);
    if (!count)
      return count.error();
    return count->cursor;
  });
}

caf::expected<std::vector<service_row>> lmdb_store::services() const {
  return read<caf::expected<std::vector<service_row>>>(
    [&](reading& txn) { return read_services(txn, options_); });
}

caf::error
lmdb_store::joined(std::string_view room_id,
                   const std::function<void(std::string_view)>& each) const {
  return read<caf::error>(
    [&](reading& txn) { return read_joined(txn, room_id, each, rot_); });
}

caf::expected<bool> lmdb_store::is_joined(std::string_view room_id,
                                          std::string_view user_id) const {
  return read<caf::expected<bool>>(
    [&](reading& txn) { return read_is_joined(txn, room_id, user_id, rot_); });
}

caf::expected<std::vector<std::string>>
lmdb_store::aliases(std::string_view room_id) const {
  return read<caf::expected<std::vector<std::string>>>(
    [&](reading& txn) { return read_aliases(txn, room_id, rot_); });
}

caf::expected<store_stat> lmdb_store::stat() const {
  return read<caf::expected<store_stat>>(
    [&](reading& txn) { return read_stat(txn); });
}

caf::expected<store_stat> lmdb_store::read_stat(reading& txn) const {
  auto count = read_counters(txn);
  if (!count)
    return count.error();
  auto bytes = txn.get(table::meta, "identity");
  auto identity = bytes
                    ? decode<identity_record>(table::meta, "identity", *bytes)
                    : std::nullopt;
  if (!identity)
    return rotten_fault(*env_, "\"identity\" of table meta");
  store_stat result;
  result.id.assign(identity->id.data(), identity->id.size());
  result.used_bytes = count->used_bytes;
  result.capacity_bytes = options_.max_store;
  result.pool_batches = count->pool_batches;
  result.sorter_cursor = count->cursor;
  result.corrupt_records = count->corrupt_records;
  return result;
}

} // namespace

caf::expected<std::unique_ptr<store>> open_lmdb(lmdb_options options) {
  if (!options.lease_clock)
    options.lease_clock = boot_time;
  if (options.boot_id.empty())
    options.boot_id = kernel_boot_id();
  if (!options.wall_clock)
    options.wall_clock = [] { return std::chrono::system_clock::now(); };
  auto result = std::make_unique<lmdb_store>(std::move(options));
  if (auto error = result->open())
    return error;
  return std::unique_ptr<store>{std::move(result)};
}

} // namespace posthorn::storage
