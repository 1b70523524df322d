// SPDX-License-Identifier: Apache-2.0
// The event pool: durable, not yet sorted.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <memory>

namespace posthorn {

struct pool_state {
  std::shared_ptr<const storage::store> store;
  storage_actor writer;
  storage::page_limits limits;

  static constexpr const char* name = "pool";
};

using pool_self = counted_actor<pool_actor, pool_state>;

/// Appends through `writer`, reads from `store`. What it hands out is a page of
/// at most `limits`; what lies behind stays on disk. Reading may wait for the
/// disk, for as long as a page takes.
pool_actor::behavior_type pool(pool_self* self, const census_ptr& all,
                               std::shared_ptr<const storage::store> store,
                               storage_actor writer,
                               storage::page_limits limits);

} // namespace posthorn
