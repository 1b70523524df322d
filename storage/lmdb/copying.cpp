// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb/copying.hpp"

#include "messages/errors.hpp"
#include "storage/lmdb/environment.hpp"
#include "storage/lmdb/records.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace posthorn::storage {

namespace {

using namespace lmdb;
namespace fs = std::filesystem;

const char* const data_file = "data.mdb";

caf::error failure(const fs::path& where, const char* doing,
                   const std::string& why) {
  return fault(ec::store_failed,
               "store " + where.string() + ": " + doing + ": " + why);
}

struct closing {
  void operator()(MDB_env* env) const {
    mdb_env_close(env);
  }
};

using env_ptr = std::unique_ptr<MDB_env, closing>;

/// Opens what is there, for reading. Another process may be writing.
caf::expected<env_ptr> open_readable(const fs::path& directory) {
  // LMDB would make one.
  std::error_code code;
  if (!fs::exists(directory / data_file, code))
    return failure(directory, "cannot open", "there is no store");
  MDB_env* raw = nullptr;
  if (auto failed = mdb_env_create(&raw))
    return failure(directory, "cannot open", reason_of(failed));
  env_ptr env{raw};
  mdb_env_set_maxdbs(raw, table_names.size());
  if (auto failed
      = mdb_env_open(raw, directory.c_str(), MDB_RDONLY | MDB_NOTLS, 0600))
    return failure(directory, "cannot open", reason_of(failed));
  return env;
}

/// The id of a store of this program's format.
caf::expected<std::string> id_of(MDB_env* env, const fs::path& directory) {
  MDB_txn* txn = nullptr;
  if (auto failed = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn))
    return failure(directory, "cannot read", reason_of(failed));
  const std::unique_ptr<MDB_txn, void (*)(MDB_txn*)> held{txn, mdb_txn_abort};
  MDB_dbi meta = 0;
  const auto name = table_names[static_cast<std::size_t>(table::meta)];
  if (mdb_dbi_open(txn, name, 0, &meta) != 0)
    return failure(directory, "cannot read", "it is not a store of Posthorn's");
  const auto record = [&](std::string_view key) -> std::string_view {
    MDB_val at{key.size(), const_cast<char*>(key.data())};
    MDB_val value{};
    if (mdb_get(txn, meta, &at, &value) != 0)
      return {};
    return {static_cast<const char*>(value.mv_data), value.mv_size};
  };
  const auto format
    = decode<format_record>(table::meta, "format", record("format"));
  const auto identity
    = decode<identity_record>(table::meta, "identity", record("identity"));
  if (!format || !identity)
    return fault(ec::store_corrupt, "store " + directory.string()
                                      + ": the records that say what it is are "
                                        "rotten");
  if (format->version != format_version)
    return fault(ec::store_version, "store " + directory.string()
                                      + ": has format version "
                                      + std::to_string(format->version)
                                      + ", this program reads version "
                                      + std::to_string(format_version));
  return std::string{identity->id.data(), identity->id.size()};
}

/// LMDB writes the copy and does not sync it.
caf::error sync(const fs::path& what) {
  const int file = open(what.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return failure(what, "cannot sync", std::strerror(errno));
  const bool synced = fsync(file) == 0;
  const auto why = errno;
  close(file);
  if (!synced)
    return failure(what, "cannot sync", std::strerror(why));
  return {};
}

/// Makes `to`, or finds it empty. Answers whether it was made.
caf::expected<bool> prepare(const fs::path& to) {
  std::error_code code;
  if (mkdir(to.c_str(), 0700) == 0)
    return true;
  if (errno != EEXIST)
    return failure(to, "cannot make the directory", std::strerror(errno));
  if (!fs::is_directory(to, code))
    return failure(to, "cannot write a copy", "it is not a directory");
  const bool empty = fs::is_empty(to, code);
  if (code)
    return failure(to, "cannot look at the directory", code.message());
  if (!empty)
    return failure(to, "cannot write a copy", "the directory is not empty");
  return false;
}

caf::error write_copy(MDB_env* env, const fs::path& to, bool compact) {
  // LMDB makes the file readable for everybody; it holds messages.
  const auto before = umask(0077);
  const auto failed
    = mdb_env_copy2(env, to.c_str(), compact ? MDB_CP_COMPACT : 0);
  umask(before);
  if (failed != 0)
    return failure(to, "cannot write a copy", reason_of(failed));
  if (auto why = sync(to / data_file))
    return why;
  return sync(to);
}

} // namespace

caf::expected<copied_store> copy_lmdb(const fs::path& from, const fs::path& to,
                                      bool compact) {
  auto env = open_readable(from);
  if (!env)
    return std::move(env.error());
  auto id = id_of(env->get(), from);
  if (!id)
    return std::move(id.error());
  auto made = prepare(to);
  if (!made)
    return std::move(made.error());
  auto why = write_copy(env->get(), to, compact);
  // Read back: a copy that cannot be opened is none.
  if (!why) {
    if (auto copy = open_readable(to); !copy)
      why = std::move(copy.error());
    else if (auto again = id_of(copy->get(), to); !again)
      why = std::move(again.error());
  }
  std::error_code code;
  fs::remove(to / "lock.mdb", code);
  if (why) {
    fs::remove(to / data_file, code);
    if (*made)
      fs::remove(to, code);
    return why;
  }
  copied_store result;
  result.id = std::move(*id);
  result.bytes_before = fs::file_size(from / data_file, code);
  result.bytes = fs::file_size(to / data_file, code);
  return result;
}

} // namespace posthorn::storage
