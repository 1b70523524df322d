// SPDX-License-Identifier: Apache-2.0
// The pool over a fake store.
#include "actors/pool/pool.hpp"
#include "actors/storage/storage_actor.hpp"
#include "tests/support/fake_store.hpp"
#include "tests/support/show.hpp"
#include "tests/support/virtual_time.hpp"

using namespace posthorn;
using namespace posthorn::testing;

namespace {

struct fixture : virtual_time {
  fixture() {
    auto writer = spawn(storage_writer, all, store);
    aut = spawn(pool, all, store, writer, storage::page_limits{});
  }

  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  pool_actor aut;
};

} // namespace

TEST_SUITE_BEGIN("pool");

TEST_CASE_FIXTURE(fixture, "an append is answered by the commit") {
  auto what = std::make_shared<batch>();
  what->body = "{}";
  what->items.push_back({item_kind::event, {0, 2}, item::no_fields});
  const auto taken = ask<receipt>(aut, storage::append{what});
  REQUIRE(taken);
  CHECK(taken->position == 1);
  CHECK(store->commits.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "looking at the pool takes nothing out of it") {
  store->at = 7;
  store->page.from = 7;
  store->page.next = 8;
  store->page.entries.resize(1);
  for (int i = 0; i < 2; ++i) {
    const auto page = ask<pool_page_ptr>(aut, peek_atom::value);
    REQUIRE(page);
    CHECK((*page)->entries.size() == 1);
    CHECK((*page)->from == 7);
    CHECK((*page)->next == 8);
  }
  CHECK(store->at == 7);
}

TEST_SUITE_END();
