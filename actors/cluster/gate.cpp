// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/gate.hpp"

#include <caf/typed_response_promise.hpp>

#include <algorithm>

namespace posthorn {

namespace {

/// A service actor answers at once, or after a commit (pause).
constexpr std::chrono::milliseconds service_patience{3'000};

wire::page_v1 make_page(const gate_state& state, const std::string& after) {
  wire::page_v1 result;
  result.node = state.wiring.node;
  result.version = state.wiring.version;
  result.state = state.wiring.state().substr(0, wire::text_max);
  result.uptime_ms = state.wiring.uptime().count();
  const auto all = state.all->snapshot();
  const auto first = std::upper_bound(
    all.begin(), all.end(), after,
    [](const std::string& name, const auto& x) { return name < x.name; });
  const auto size = std::min<std::size_t>(all.end() - first, wire::actors_max);
  for (auto i = first; i != first + static_cast<std::ptrdiff_t>(size); ++i)
    result.actors.push_back(wire::to_wire(*i));
  result.more = static_cast<std::uint64_t>(all.end() - first) - size;
  return result;
}

using promise = caf::typed_response_promise<wire::ordered_v1>;

caf::result<wire::ordered_v1> carry_out(gate_self* self,
                                        const wire::order_v1& what) {
  wire::ordered_v1 done;
  const auto whom = self->state.wiring.service_here(what.service);
  if (!whom)
    return done;
  done.here = true;
  auto result = self->make_response_promise<wire::ordered_v1>();
  const auto failed = [result, done](const caf::error& why) mutable {
    done.problem = "the service's actor did not answer: " + text_of(why);
    result.deliver(done);
  };
  const caf::duration patience{service_patience};
  const auto verb = static_cast<order::verb>(what.verb);
  if (verb == order::verb::retry) {
    self->request(whom, patience, retry_atom::value)
      .then(
        [result, done](bool attempted) mutable {
          done.attempted = attempted;
          result.deliver(done);
        },
        failed);
  } else if (verb == order::verb::pause || verb == order::verb::resume) {
    self->request(whom, patience, pause_atom::value, verb == order::verb::pause)
      .then([result, done](
              const storage::nothing_more&) mutable { result.deliver(done); },
            failed);
  } else if (verb == order::verb::skip) {
    self->request(whom, patience, skip_atom::value)
      .then(
        [result, done](skip_answer how) mutable {
          done.attempted = how != skip_answer::nothing_open;
          if (how == skip_answer::when_refused)
            done.problem = "it is being sent";
          else if (how == skip_answer::asked)
            done.problem = "its lease has just moved";
          result.deliver(done);
        },
        failed);
  } else {
    done.problem = "this node does not know such an order";
    result.deliver(done);
  }
  return result;
}

} // namespace

gate_actor::behavior_type gate(gate_self* self, const census_ptr& all,
                               gate_wiring wiring) {
  self->state.all = all;
  self->state.wiring = std::move(wiring);
  self->enlist(*all, "gate");
  return {
    [self](const wire::hello_v1& x) {
      const auto& own = self->state.wiring;
      if (x.gate)
        own.greeted({x.node, x.address, caf::actor_cast<gate_actor>(x.gate)});
      return wire::hello_v1{own.node, own.version, own.address,
                            caf::actor_cast<caf::strong_actor_ptr>(self)};
    },
    [self](const wire::wake_v1& x) -> caf::result<wire::woken_v1> {
      if (x.services.size() > wire::services_max)
        return fault(ec::too_large, "more services than one message may name");
      wire::woken_v1 result;
      for (const auto& id : x.services)
        if (const auto whom = self->state.wiring.actor_of(id)) {
          ++result.here;
          self->send(whom, wake_atom::value);
        }
      return result;
    },
    [self](const wire::order_v1& x) { return carry_out(self, x); },
    [self](const wire::ask_page_v1& x) {
      return make_page(self->state, x.after);
    },
  };
}

} // namespace posthorn
