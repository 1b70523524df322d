// SPDX-License-Identifier: Apache-2.0
#include "actors/metrics/metrics.hpp"

namespace posthorn {

metrics_actor::behavior_type
metrics(counted_actor<metrics_actor, metrics_state>* self, census_ptr all) {
  self->state.all = std::move(all);
  self->enlist(*self->state.all, "metrics");
  return {
    [self](dump_atom) { return self->state.all->snapshot(); },
  };
}

} // namespace posthorn
