// SPDX-License-Identifier: Apache-2.0
// The courier: the actor in front of the HTTP client.
#pragma once

#include "actors/courier/http_client.hpp"
#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace posthorn {

struct courier_state {
  explicit courier_state(courier_actor::pointer owner) : self{owner} {}

  courier_state(const courier_state&) = delete;
  courier_state& operator=(const courier_state&) = delete;

  /// Stops the client.
  ~courier_state();

  courier_actor::behavior_type running();

  /// Starts an exchange and keeps its promise under a new ticket.
  caf::result<answer_ptr> dispatch(exchange_ptr what);

  /// Answers the one who asked.
  void deliver(std::uint64_t ticket, answer_ptr what);

  /// Ends the client and answers everybody who still waits as broken.
  void close();

  courier_actor::pointer self;
  std::shared_ptr<http_client> client;
  std::uint64_t last_ticket = 0;
  std::unordered_map<std::uint64_t, caf::typed_response_promise<answer_ptr>>
    waiting;

  static constexpr const char* name = "courier";
};

using courier_self = counted_actor<courier_actor, courier_state>;

/// Makes requests over `client`, which must not be null and belongs to the
/// courier from now on. On exit the client stops, and requests that are still
/// open are answered as broken ("cancelled: ..."). Nothing in here blocks.
courier_actor::behavior_type courier(courier_self* self, const census_ptr& all,
                                     std::shared_ptr<http_client> client);

} // namespace posthorn
