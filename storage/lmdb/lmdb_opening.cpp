// SPDX-License-Identifier: Apache-2.0
#include "messages/tenure.hpp"
#include "storage/lmdb/mapped_store.hpp"
#include "storage/lmdb/random_text.hpp"
#include "storage/lmdb/survey.hpp"

#include <fstream>
#include <mutex>

namespace posthorn::storage {

namespace lmdb {

namespace {

constexpr std::uint64_t head_room = 64ull * 1024 * 1024;

std::string kernel_boot_id() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string id;
  std::getline(file, id);
  return id;
}

} // namespace

caf::error mapped_store::open() {
  if (!draw("abcdefghijklmnopqrstuvwxyz0123456789", prefix_.data(),
            prefix_.size()))
    return no_randomness(options_.directory);
  auto lock = directory_lock::take(options_.directory);
  if (!lock)
    return lock.error();
  lock_ = std::move(*lock);
  writer_ = std::make_unique<writer_lock>(options_.directory);
  nodes_ = std::make_unique<node_locks>(options_.directory);
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

caf::error mapped_store::open_environment() {
  auto map = options_.max_store + options_.max_store / 4 + head_room;
  auto env = environment::open(options_.directory, map);
  if (!env)
    return env.error();
  env_ = std::move(*env);
  return {};
}

caf::error mapped_store::start_anew() {
  std::unique_lock alone{env_guard_};
  env_.reset();
  seen_.clear(0);
  auto error = open_environment();
  if (!error)
    error = open_tables();
  if (error)
    env_.reset();
  else if (options_.report)
    options_.report("store " + options_.directory.string()
                    + ": opened anew after a write that failed half way");
  return error;
}

caf::error mapped_store::open_tables() {
  if (auto error = writer_->lock_at_start())
    return error;
  scope_guard turn{[this] { writer_->unlock(); }};
  if (auto code = settle_root())
    return env_->failure(code, "cannot sync");
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
    if (auto why = check_version(options_.directory, format->version))
      return why;
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
  writer_->mark(true);
  if ((code = txn.commit()) != 0)
    return env_->failure(code, "cannot write");
  writer_->mark(false);
  return {};
}

} // namespace lmdb

caf::expected<std::unique_ptr<store>> open_lmdb(lmdb_options options) {
  if (!options.lease_clock)
    options.lease_clock = boot_time;
  if (options.boot_id.empty())
    options.boot_id = lmdb::kernel_boot_id();
  if (!options.wall_clock)
    options.wall_clock = [] { return std::chrono::system_clock::now(); };
  auto result = std::make_unique<lmdb::mapped_store>(std::move(options));
  if (auto error = result->open())
    return error;
  return std::unique_ptr<store>{std::move(result)};
}

} // namespace posthorn::storage
