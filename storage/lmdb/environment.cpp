// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/environment.hpp"

#include "messages/errors.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace posthorn::storage::lmdb {

namespace {

constexpr std::uint64_t mebibyte = 1024ull * 1024;

/// Room that appends leave to deliveries, in the map and on the disk.
constexpr std::uint64_t delivery_reserve = 8 * mebibyte;

constexpr unsigned readers_max = 512;

MDB_val value_of(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

} // namespace

std::string reason_of(int code) {
  std::string result = mdb_strerror(code);
  // LMDB takes a short write for EIO.
  if (code == EIO)
    result += " (a full disk shows as this, too)";
  if (code == MDB_PANIC)
    result += " (an earlier write failed half way: restart the node)";
  return result;
}

// -- environment --------------------------------------------------------------

caf::expected<std::unique_ptr<environment>>
environment::open(const std::filesystem::path& directory,
                  std::uint64_t map_bytes) {
  std::unique_ptr<environment> result{new environment};
  result->directory_ = directory;
  // Where the file outgrew a configured size that was lowered since, deliveries
  // need room all the same.
  std::error_code none;
  auto there = std::filesystem::file_size(directory / "data.mdb", none);
  if (!none)
    map_bytes = std::max(map_bytes, there + 64 * mebibyte);
  map_bytes = (map_bytes + mebibyte - 1) / mebibyte * mebibyte;
  int code = mdb_env_create(&result->env_);
  if (code == 0)
    code = mdb_env_set_mapsize(result->env_, map_bytes);
  if (code == 0)
    code = mdb_env_set_maxdbs(result->env_, table_names.size());
  if (code == 0)
    code = mdb_env_set_maxreaders(result->env_, readers_max);
  if (code == 0)
    code = mdb_env_open(result->env_, directory.c_str(), MDB_NOTLS, 0600);
  if (code != 0)
    return result->failure(code, "cannot open");
  MDB_stat stat{};
  mdb_env_stat(result->env_, &stat);
  result->page_bytes_ = stat.ms_psize;
  result->check_readers();
  return result;
}

environment::~environment() {
  for (auto txn : readers_)
    mdb_txn_abort(txn);
  if (env_ != nullptr)
    mdb_env_close(env_);
}

int environment::open_table(MDB_txn* txn, table which, bool make) {
  auto i = static_cast<std::size_t>(which);
  return mdb_dbi_open(txn, table_names[i], make ? MDB_CREATE : 0, &handles_[i]);
}

caf::error environment::failure(int code, std::string_view doing) const {
  std::string text = "store " + directory_.string() + ": ";
  text.append(doing).append(": ").append(reason_of(code));
  return fault(ec::store_failed, std::move(text));
}

void environment::check_readers() {
  int dead = 0;
  mdb_reader_check(env_, &dead);
}

int environment::begin(std::shared_lock<std::shared_mutex>& map_use,
                       const std::function<int()>& begin) {
  for (int tries = 0;; ++tries) {
    map_use = std::shared_lock{map_guard_};
    auto code = begin();
    if (code != MDB_MAP_RESIZED || tries == 3)
      return code;
    map_use.unlock();
    std::lock_guard alone{map_guard_};
    code = mdb_env_set_mapsize(env_, 0);
    if (code != 0)
      return code;
  }
}

MDB_txn* environment::take_reader(int& code) {
  MDB_txn* txn = nullptr;
  {
    std::lock_guard guard{readers_guard_};
    if (!readers_.empty()) {
      txn = readers_.back();
      readers_.pop_back();
    }
  }
  if (txn != nullptr) {
    code = mdb_txn_renew(txn);
    if (code == 0)
      return txn;
    mdb_txn_abort(txn);
    return nullptr;
  }
  code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  return code == 0 ? txn : nullptr;
}

void environment::return_reader(MDB_txn* txn) {
  mdb_txn_reset(txn);
  std::lock_guard guard{readers_guard_};
  readers_.push_back(txn);
}

int environment::reserve_blocks(std::uint64_t end) {
  if (end <= reserved_)
    return 0;
  mdb_filehandle_t file{};
  mdb_env_get_fd(env_, &file);
  // Ahead of what is asked, so that it is not asked for each commit.
  auto step = std::clamp(end / 8, 4 * mebibyte, 64 * mebibyte);
  for (auto to : {end + step, end}) {
    if (fallocate(file, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(to)) == 0
        || errno == EOPNOTSUPP || errno == ENOSYS) {
      reserved_ = to;
      return 0;
    }
  }
  return errno;
}

std::uint64_t environment::free_bytes(const transaction& beside) {
  // The free list is a table, too: lists of page numbers by transaction, each
  // with its length in front.
  // It is the same until the next commit.
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  if (info.me_last_txnid == free_as_of_)
    return free_bytes_;
  reading txn{*this, beside};
  MDB_cursor* cursor = nullptr;
  if (txn.failure() != 0 || mdb_cursor_open(txn.raw(), 0, &cursor) != 0)
    return 0;
  std::uint64_t pages = 0;
  MDB_val key{};
  MDB_val list{};
  while (mdb_cursor_get(cursor, &key, &list, MDB_NEXT) == 0) {
    std::size_t count = 0;
    std::memcpy(&count, list.mv_data, sizeof(count));
    pages += count;
  }
  mdb_cursor_close(cursor);
  free_as_of_ = info.me_last_txnid;
  free_bytes_ = pages * page_bytes_;
  return free_bytes_;
}

std::optional<caf::error> environment::lacks_room(const transaction& txn,
                                                  std::uint64_t bytes) {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  auto end = (std::uint64_t{info.me_last_pgno} + 1) * page_bytes_;
  auto wanted = bytes + delivery_reserve;
  auto in_map = end + wanted <= info.me_mapsize;
  auto disk = in_map ? reserve_blocks(end + wanted) : 0;
  if (in_map && disk == 0)
    return std::nullopt;
  // Nothing behind the end of the file: then inside it. Twice, since free pages
  // do not always lie side by side.
  if (free_bytes(txn) >= 2 * wanted)
    return std::nullopt;
  if (!in_map)
    return fault(ec::store_full,
                 "store " + directory_.string()
                   + ": its file has reached its largest size; it takes no "
                     "new events until some are delivered");
  return failure(disk, "the disk is full, it takes no new events");
}

// -- transactions -------------------------------------------------------------

bool transaction::good(int code) {
  if (code != 0 && failure_ == 0)
    failure_ = code;
  return code == 0;
}

std::optional<std::string_view> transaction::get(table where,
                                                 std::string_view key) {
  if (failure_ != 0)
    return std::nullopt;
  auto k = value_of(key);
  MDB_val v{};
  auto code = mdb_get(txn_, env_.handle(where), &k, &v);
  if (code == MDB_NOTFOUND || !good(code))
    return std::nullopt;
  return std::string_view{static_cast<const char*>(v.mv_data), v.mv_size};
}

reading::reading(environment& env) : transaction{env} {
  good(env.begin(map_use_, [this] {
    int code = 0;
    txn_ = env_.take_reader(code);
    return code;
  }));
}

reading::reading(environment& env, const transaction&) : transaction{env} {
  // That one holds the map where it is.
  txn_ = env.take_reader(failure_);
}

reading::~reading() {
  if (txn_ != nullptr)
    env_.return_reader(txn_);
}

writing::writing(environment& env) : transaction{env} {
  good(env.begin(
    map_use_, [this] { return mdb_txn_begin(env_.raw(), nullptr, 0, &txn_); }));
}

writing::~writing() {
  if (txn_ != nullptr)
    mdb_txn_abort(txn_);
}

bool writing::put(table where, std::string_view key, std::string_view value,
                  unsigned flags) {
  if (failure_ != 0)
    return false;
  auto k = value_of(key);
  auto v = value_of(value);
  wrote_ = true;
  return good(mdb_put(txn_, env_.handle(where), &k, &v, flags));
}

char* writing::reserve(table where, std::string_view key, std::size_t size,
                       unsigned flags) {
  if (failure_ != 0)
    return nullptr;
  auto k = value_of(key);
  MDB_val v{size, nullptr};
  wrote_ = true;
  if (!good(mdb_put(txn_, env_.handle(where), &k, &v, MDB_RESERVE | flags)))
    return nullptr;
  return static_cast<char*>(v.mv_data);
}

void writing::erase(table where, std::string_view key) {
  if (failure_ != 0)
    return;
  auto k = value_of(key);
  auto code = mdb_del(txn_, env_.handle(where), &k, nullptr);
  if (code == MDB_NOTFOUND)
    return;
  wrote_ = true;
  good(code);
}

int writing::commit() {
  if (failure_ != 0)
    return failure_;
  auto txn = txn_;
  txn_ = nullptr;
  return mdb_txn_commit(txn);
}

// -- walker -------------------------------------------------------------------

walker::walker(transaction& txn, table where) : txn_{txn} {
  if (txn.failure() == 0)
    txn.good(mdb_cursor_open(txn.raw(), txn.env().handle(where), &cursor_));
}

walker::~walker() {
  if (cursor_ != nullptr)
    mdb_cursor_close(cursor_);
}

bool walker::go(MDB_cursor_op where) {
  if (cursor_ == nullptr || txn_.failure() != 0)
    return false;
  auto code = mdb_cursor_get(cursor_, &key_, &value_, where);
  return code != MDB_NOTFOUND && txn_.good(code);
}

bool walker::seek(std::string_view key) {
  key_ = value_of(key);
  return go(MDB_SET_RANGE);
}

bool walker::step() {
  return go(MDB_NEXT);
}

} // namespace posthorn::storage::lmdb
