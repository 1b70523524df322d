// SPDX-License-Identifier: Apache-2.0
// What a node answers to the other nodes.
#pragma once

#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <string>

namespace posthorn {

/// What the gate is given to answer with. The functions are called on its
/// thread and must not block.
struct gate_wiring {
  std::string node;
  std::string version;
  /// Where others reach it.
  std::string address;
  /// Another node has said hello.
  std::function<void(const greeting&)> greeted;
  /// The actor of this node for a service, which may be standing by; invalid
  /// where it has none.
  std::function<service_actor(const std::string& id)> actor_of;
  /// The same, only where this node delivers to the service now.
  std::function<service_actor(const std::string& id)> service_here;
  /// "ready", or why not.
  std::function<std::string()> state;
  /// Of this node's own dump.
  std::function<std::chrono::milliseconds()> uptime;
};

struct gate_state {
  gate_state() = default;

  census_ptr all;
  gate_wiring wiring;

  static constexpr const char* name = "gate";
};

using gate_self = counted_actor<gate_actor, gate_state>;

/// Answers the dump without asking any actor, and passes orders on with a
/// deadline. Spawn it detached: the dump must come when every scheduler worker
/// is busy.
gate_actor::behavior_type gate(gate_self* self, const census_ptr& all,
                               gate_wiring wiring);

} // namespace posthorn
