// SPDX-License-Identifier: Apache-2.0
// Copies of an LMDB store.
#include "storage/lmdb/copying.hpp"
#include "tests/contract/lmdb_rig.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

using namespace posthorn;
using namespace posthorn::contract;
namespace fs = std::filesystem;

namespace {

/// A store's directory with something in it, which no process has open.
struct closed_store {
  closed_store() {
    workbench bench;
    bench.append(numbered(2));
    dynamic_cast<lmdb_rig&>(*bench.rig).store.reset();
    fs::copy(dynamic_cast<lmdb_rig&>(*bench.rig).data(), data());
  }

  fs::path data() const {
    return place.path() / "store";
  }

  fs::path copy() const {
    return place.path() / "copy";
  }

  temporary_directory place;
};

storage::lmdb_options at(const fs::path& directory) {
  storage::lmdb_options result;
  result.directory = directory;
  return result;
}

} // namespace

TEST_SUITE_BEGIN("lmdb copies");

TEST_CASE("a copy opens as the same store and holds what the original held") {
  for (bool compact : {false, true}) {
    closed_store original;
    const auto done
      = storage::copy_lmdb(original.data(), original.copy(), compact);
    REQUIRE(done);
    CHECK(done->bytes == fs::file_size(original.copy() / "data.mdb"));
    const auto store = storage::open_lmdb(at(original.copy()));
    REQUIRE(store);
    const auto stat = (*store)->stat();
    REQUIRE(stat);
    CHECK(stat->id == done->id);
    CHECK(stat->pool_batches == 1);
  }
}

TEST_CASE("a copy is for its owner alone") {
  closed_store original;
  REQUIRE(storage::copy_lmdb(original.data(), original.copy(), false));

  struct stat mode {};

  REQUIRE(stat(original.copy().c_str(), &mode) == 0);
  CHECK((mode.st_mode & 0777) == 0700);
  REQUIRE(stat((original.copy() / "data.mdb").c_str(), &mode) == 0);
  CHECK((mode.st_mode & 0777) == 0600);
}

TEST_CASE("a copy overwrites nothing") {
  closed_store original;
  fs::create_directory(original.copy());
  std::ofstream{original.copy() / "mine"} << "x";
  const auto done = storage::copy_lmdb(original.data(), original.copy(), false);
  REQUIRE(!done);
  CHECK(text_of(done.error()).find("not empty") != std::string::npos);
  CHECK(fs::exists(original.copy() / "mine"));
  CHECK(!fs::exists(original.copy() / "data.mdb"));
}

TEST_CASE("where no store is, none is made and nothing is copied") {
  temporary_directory place;
  const auto done
    = storage::copy_lmdb(place.path(), place.path() / "copy", false);
  REQUIRE(!done);
  CHECK(text_of(done.error()).find("there is no store") != std::string::npos);
  CHECK(fs::is_empty(place.path()));
}

TEST_CASE("what is no store of Posthorn's is not copied") {
  closed_store original;
  fs::resize_file(original.data() / "data.mdb", 100);
  const auto done = storage::copy_lmdb(original.data(), original.copy(), false);
  REQUIRE(!done);
  CHECK(!fs::exists(original.copy()));
}

TEST_SUITE_END();
