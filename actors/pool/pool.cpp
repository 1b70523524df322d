// SPDX-License-Identifier: Apache-2.0
#include "actors/pool/pool.hpp"

namespace posthorn {

namespace {

caf::expected<pool_page_ptr> read_page(const pool_state& state) {
  auto cursor = state.store->cursor();
  if (!cursor)
    return std::move(cursor.error());
  auto page = state.store->peek(*cursor, state.limits);
  if (!page)
    return std::move(page.error());
  page->from = *cursor;
  return std::make_shared<const pool_page>(std::move(*page));
}

} // namespace

pool_actor::behavior_type pool(pool_self* self, const census_ptr& all,
                               std::shared_ptr<const storage::store> store,
                               storage_actor writer,
                               storage::page_limits limits) {
  self->state.store = std::move(store);
  self->state.writer = std::move(writer);
  self->state.limits = limits;
  self->enlist(*all, "pool");
  return {
    [self](storage::append& x) {
      return self->delegate(self->state.writer, std::move(x));
    },
    [self](peek_atom) { return read_page(self->state); },
  };
}

} // namespace posthorn
