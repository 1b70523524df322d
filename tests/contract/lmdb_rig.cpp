// SPDX-License-Identifier: Apache-2.0
#include "tests/contract/lmdb_rig.hpp"

#include <doctest/doctest.h>
#include <lmdb.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace posthorn::contract {

namespace fs = std::filesystem;

namespace {

/// Does something to a table of a closed store.
template <class Work>
void change_table(const fs::path& directory, storage::lmdb::table which,
                  Work work) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_set_maxdbs(env, 20) == 0);
  REQUIRE(mdb_env_open(env, directory.c_str(), 0, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  auto name = storage::lmdb::table_names[static_cast<std::size_t>(which)];
  REQUIRE(mdb_dbi_open(txn, name, 0, &dbi) == 0);
  work(txn, dbi);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

} // namespace

bool rewrite_record(const fs::path& directory, storage::lmdb::table where,
                    std::string_view key,
                    const std::function<void(std::string&)>& change) {
  auto there = false;
  change_table(directory, where, [&](MDB_txn* txn, MDB_dbi dbi) {
    MDB_val k{key.size(), const_cast<char*>(key.data())};
    MDB_val v{};
    there = mdb_get(txn, dbi, &k, &v) == 0;
    if (!there)
      return;
    std::string bytes{static_cast<char*>(v.mv_data), v.mv_size};
    change(bytes);
    v = {bytes.size(), bytes.data()};
    REQUIRE(mdb_put(txn, dbi, &k, &v, 0) == 0);
  });
  return there;
}

void drop_table(const fs::path& directory, storage::lmdb::table which) {
  change_table(directory, which, [](MDB_txn* txn, MDB_dbi dbi) {
    REQUIRE(mdb_drop(txn, dbi, 1) == 0);
  });
}

temporary_directory::temporary_directory() {
  auto pattern = (fs::temp_directory_path() / "posthorn-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

lmdb_rig::lmdb_rig() {
  reopen();
}

storage::lmdb_options lmdb_rig::options() {
  storage::lmdb_options result;
  result.directory = data();
  result.max_store = want.max_store;
  result.dedupe_max = want.dedupe_max;
  result.dedupe_age = want.dedupe_age;
  result.lease_clock = [this] { return lease_now; };
  result.wall_clock = [this] { return wall_now; };
  result.report = [this](const std::string& line) { reports.push_back(line); };
  result.before_commit = before_commit;
  return result;
}

void lmdb_rig::flip_at(const std::string& mark) {
  store.reset();
  auto path = data() / "data.mdb";
  std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  int found = 0;
  for (auto i = bytes.find(mark); i != std::string::npos;
       i = bytes.find(mark, i + 1)) {
    file.seekp(static_cast<std::streamoff>(i));
    file.put(static_cast<char>(bytes[i] ^ 0x10));
    ++found;
  }
  REQUIRE(file.good());
  REQUIRE(found > 0);
  file.close();
  reopen();
}

void lmdb_rig::flip_record(storage::lmdb::table where, std::string_view key) {
  store.reset();
  auto flip = [](std::string& bytes) { bytes.back() ^= 0x01; };
  REQUIRE(rewrite_record(data(), where, key, flip));
  reopen();
}

void lmdb_rig::reopen() {
  store.reset();
  auto opened = storage::open_lmdb(options());
  if (!opened)
    FAIL(text_of(opened.error()));
  store = std::move(*opened);
}

void lmdb_rig::start_over() {
  store.reset();
  fs::remove_all(data());
  reopen();
}

void lmdb_rig::keep_copy() {
  store.reset();
  fs::copy(data(), place.path() / "copy", fs::copy_options::recursive);
  reopen();
}

void lmdb_rig::restore_copy() {
  store.reset();
  fs::remove_all(data());
  fs::rename(place.path() / "copy", data());
  reopen();
}

std::unique_ptr<store_rig> make_rig() {
  return std::make_unique<lmdb_rig>();
}

} // namespace posthorn::contract
