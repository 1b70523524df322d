// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/lmdb_store.hpp"

#include "messages/tenure.hpp"
#include "storage/lmdb/calls.hpp"
#include "storage/lmdb/commit_scope.hpp"
#include "storage/lmdb/directory.hpp"
#include "storage/lmdb/leases.hpp"
#include "storage/lmdb/pool.hpp"
#include "storage/lmdb/queues.hpp"
#include "storage/lmdb/rooms.hpp"
#include "storage/lmdb/routing.hpp"
#include "storage/lmdb/services.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace posthorn::storage {

namespace {

using namespace lmdb;

constexpr std::uint64_t head_room = 64ull * 1024 * 1024;

constexpr std::chrono::minutes reader_check_interval{1};

std::string kernel_boot_id() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string id;
  std::getline(file, id);
  return id;
}

/// Random characters of `alphabet`, from the kernel. Answers false on failure.
bool draw(std::string_view alphabet, char* at, std::size_t count) {
  // Bytes from here on would make some characters likelier than others.
  auto fair = 256 - 256 % alphabet.size();
  while (count > 0) {
    unsigned char byte = 0;
    auto got = getrandom(&byte, 1, 0);
    if (got < 0 && errno != EINTR)
      return false;
    if (got != 1 || byte >= fair)
      continue;
    *at++ = alphabet[byte % alphabet.size()];
    --count;
  }
  return true;
}

caf::error no_randomness(const std::filesystem::path& directory) {
  return fault(ec::store_failed, "store " + directory.string()
                                   + ": the kernel gives no random numbers: "
                                   + std::strerror(errno));
}

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
  caf::expected<std::vector<node_row>> nodes() const override;
  caf::expected<lease_list> leases(std::uint64_t known) const override;
  caf::expected<bool> is_called(session_no session) const override;
  std::string unblock() override;

private:
  caf::error open_tables();

  /// Carries out `work` in one transaction. Answers an LMDB code; unless it is
  /// 0, nothing has happened and `answers` mean nothing.
  int attempt(std::span<const mutation> work,
              std::vector<caf::expected<reply>>& answers);
  std::vector<caf::expected<reply>> one_by_one(std::span<const mutation> work);
  caf::error commit_fault(int code, const mutation& what) const;

  lmdb_options options_;
  // Before the environment: it outlives it.
  std::unique_ptr<directory_lock> lock_;
  std::unique_ptr<environment> env_;
  std::unique_ptr<writer_lock> writer_;
  std::unique_ptr<node_locks> nodes_;
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
  auto map = options_.max_store + options_.max_store / 4 + head_room;
  auto env = environment::open(options_.directory, map);
  if (!env)
    return env.error();
  env_ = std::move(*env);
  writer_ = std::make_unique<writer_lock>(options_.directory);
  nodes_ = std::make_unique<node_locks>(options_.directory);
  readers_checked_ = std::chrono::steady_clock::now();
  return open_tables();
}

caf::error lmdb_store::open_tables() {
  if (auto error = writer_->lock())
    return error;
  scope_guard turn{[this] { writer_->unlock(); }};
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
    if (table_names[i] == nullptr)
      continue;
    else if ((code = env_->open_table(txn.raw(), static_cast<table>(i), true))
             != 0)
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
  if (auto error = writer_->lock()) {
    answers.assign(work.size(), error);
    return 0;
  }
  scope_guard turn{[this] { writer_->unlock(); }};
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
  commit_scope scope{options_,  prefix_, txn,      count,
                     verified_, rot_,    sessions, *nodes_};
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

caf::error lmdb_store::commit_fault(int code, const mutation& what) const {
  if (code == MDB_MAP_FULL && std::holds_alternative<append>(what))
    return fault(ec::store_full,
                 "store " + options_.directory.string()
                   + ": its file has reached its largest size; it takes no "
                     "new events until some are delivered");
  return env_->failure(code, "cannot write");
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
    if (auto code = attempt({&each, 1}, answers)) {
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
    env_->check_readers();
  }
  std::vector<caf::expected<reply>> answers;
  answers.reserve(work.size());
  auto code = attempt(work, answers);
  if (code == 0)
    return answers;
  if (work.size() == 1)
    return {commit_fault(code, work.front())};
  return one_by_one(work);
}

// -- reading ------------------------------------------------------------------

caf::expected<pool_page> lmdb_store::peek(std::uint64_t from,
                                          const page_limits& limits) const {
  reading txn{*env_};
  return read_page(txn, from, limits, rot_);
}

caf::expected<std::uint64_t> lmdb_store::cursor() const {
  reading txn{*env_};
  auto count = read_counters(txn);
  if (!count)
    return count.error();
  return count->cursor;
}

caf::expected<std::vector<service_row>> lmdb_store::services() const {
  reading txn{*env_};
  session_book sessions{txn, options_, *nodes_};
  return read_services(txn, sessions);
}

caf::error
lmdb_store::joined(std::string_view room_id,
                   const std::function<void(std::string_view)>& each) const {
  reading txn{*env_};
  return read_joined(txn, room_id, each, rot_);
}

caf::expected<bool> lmdb_store::is_joined(std::string_view room_id,
                                          std::string_view user_id) const {
  reading txn{*env_};
  return read_is_joined(txn, room_id, user_id, rot_);
}

caf::expected<std::vector<std::string>>
lmdb_store::aliases(std::string_view room_id) const {
  reading txn{*env_};
  return read_aliases(txn, room_id, rot_);
}

caf::expected<store_stat> lmdb_store::stat() const {
  reading txn{*env_};
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

caf::expected<std::vector<node_row>> lmdb_store::nodes() const {
  reading txn{*env_};
  session_book sessions{txn, options_, *nodes_};
  return read_nodes(txn, sessions, options_);
}

caf::expected<lease_list> lmdb_store::leases(std::uint64_t known) const {
  reading txn{*env_};
  session_book sessions{txn, options_, *nodes_};
  return read_leases(txn, sessions, known);
}

caf::expected<bool> lmdb_store::is_called(session_no session) const {
  reading txn{*env_};
  auto called = read_is_called(txn, session);
  if (txn.failure() != 0)
    return env_->failure(txn.failure(), "cannot read");
  return called;
}

std::string lmdb_store::unblock() {
  return writer_->end_stopped_holder();
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
