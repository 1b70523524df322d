// SPDX-License-Identifier: Apache-2.0
// Lets feed transactions in, as long as the node can take them.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace posthorn {

/// Bytes of feed transactions that are in memory and not yet on disk. Mailboxes
/// are unbounded; this bounds what can be in them.
struct intake_credit {
  std::atomic<std::uint64_t> used_bytes{0};
  std::uint64_t max_bytes = std::uint64_t{64} << 20;
};

struct intake_state {
  // Not an aggregate: CAF would initialise the first member with the actor.
  intake_state() = default;

  pool_actor pool;
  std::shared_ptr<intake_credit> credit;
  bool draining = false;

  static constexpr const char* name = "intake";
};

using intake_self = counted_actor<intake_actor, intake_state>;

/// Passes on to `pool` what `credit` has room for; a batch keeps its share of
/// the credit for as long as anybody holds it. One batch is always let in,
/// whatever its size.
intake_actor::behavior_type intake(intake_self* self, const census_ptr& all,
                                   pool_actor pool,
                                   std::shared_ptr<intake_credit> credit);

} // namespace posthorn
