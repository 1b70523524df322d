// SPDX-License-Identifier: Apache-2.0
#include "actors/intake/intake.hpp"

namespace posthorn {

namespace {

/// The same batch, holding `bytes` of credit until the last reference goes.
batch_ptr charge(batch_ptr what, std::shared_ptr<intake_credit> credit,
                 std::uint64_t bytes) {
  const auto* plain = what.get();
  return {plain, [what = std::move(what), credit = std::move(credit),
                  bytes](const batch*) mutable {
            what.reset();
            credit->used_bytes -= bytes;
          }};
}

} // namespace

intake_actor::behavior_type intake(intake_self* self, const census_ptr& all,
                                   pool_actor pool,
                                   std::shared_ptr<intake_credit> credit) {
  self->state.pool = std::move(pool);
  self->state.credit = std::move(credit);
  self->enlist(*all, "intake");
  return {
    [self](storage::append& x) -> caf::result<receipt> {
      auto& state = self->state;
      if (state.draining)
        return fault(ec::draining, "the node is shutting down");
      const auto bytes = x.what->body.size();
      const auto used = state.credit->used_bytes.load();
      if (used > 0 && used + bytes > state.credit->max_bytes)
        return fault(ec::overloaded, "too much is waiting for the disk");
      state.credit->used_bytes += bytes;
      x.what = charge(std::move(x.what), state.credit, bytes);
      return self->delegate(state.pool, std::move(x));
    },
    [self](drain_atom) {
      self->state.draining = true;
      self->show_state("draining");
      return storage::nothing_more{};
    },
  };
}

} // namespace posthorn
