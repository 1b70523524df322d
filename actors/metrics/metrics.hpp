// SPDX-License-Identifier: Apache-2.0
// The actor that shows what all the others do.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace posthorn {

struct metrics_state {
  census_ptr all;

  static constexpr const char* name = "metrics";
};

/// Answers the dump out of `all`. Spawn it detached: it must answer when every
/// scheduler worker is busy.
metrics_actor::behavior_type
metrics(counted_actor<metrics_actor, metrics_state>* self, census_ptr all);

} // namespace posthorn
