// SPDX-License-Identifier: Apache-2.0
// The connection to one other node.
#pragma once

#include "actors/cluster/link_board.hpp"
#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <set>
#include <string>

namespace posthorn {

/// How long a node may take for its dump, and for an order.
inline constexpr std::chrono::milliseconds dump_patience{2'000};
inline constexpr std::chrono::milliseconds order_patience{5'000};

/// Pauses between attempts to connect: doubled from the first to the longest.
inline constexpr std::chrono::milliseconds redial_first{250};
inline constexpr std::chrono::milliseconds redial_longest{4'000};

/// How much longer the node that is not to dial waits before it does.
inline constexpr std::chrono::milliseconds turn_patience{6'000};

/// What a link is given to work with.
struct link_wiring {
  /// This node.
  peer own;
  std::string version;
  gate_actor own_gate;
  /// The other one.
  peer to;
  /// CAF's connector: answers `connect_atom, host, port`.
  caf::actor broker;
  /// Whether somebody listens at that address; an error says why not. May block
  /// for a second or so. CAF's connector would block for minutes at an address
  /// that swallows packets, and all other links with it.
  std::function<caf::error(const std::string& host, std::uint16_t port)> probe;
  /// Random numbers in [0, 1), for jitter.
  std::function<double()> spread;
  link_board_ptr board;
};

struct link_state;

using link_self = counted_actor<link_actor, link_state>;

/// The two behaviours:
///
///                connected, and the peer has said who it is
///           ┌─────────────────────────────────────────────┐
///     ┌─────┴─────┐                                       ▼
///  ┌─►│ DIALLING  │                                    ┌────┐
///  │  └─┬───▲─────┘                                    │ UP │
///  └────┘   └──────────────────────────────────────────┴────┘
///  no: next pause,      the connection broke, or was silent for longer
///  doubled              than middleman.connection-timeout
///
/// One connection serves both ways. Of two nodes one dials, and the other waits
/// for its greeting and dials only when that does not come: CAF uses two
/// connections that were made at once in one direction each, and cuts either
/// for being silent in the other.
///
/// Nothing is kept for a node that is not there. Of wake-ups one message at
/// most is on its way; what comes meanwhile goes with the next.
struct link_state {
  explicit link_state(link_self* owner) : self{owner} {}

  link_actor::behavior_type dialling();
  link_actor::behavior_type up();

  /// Attempt `number` to connect, unless a newer one has begun.
  void dial(std::uint64_t number);
  void greet(const gate_actor& found, std::uint64_t number);
  void go_up(const gate_actor& found, const std::string& who);
  void go_down(const std::string& why);
  /// The peer has connected.
  void greeted(const greeting& who);
  /// Whether it is this node's turn to dial. Both ends must come to opposite
  /// answers.
  bool dials() const;
  /// Notes why it is not up, and tries again in a while.
  void redial(const std::string& why);
  /// Sends what is in `waking`, unless a message is on its way.
  void wake();
  caf::typed_response_promise<order_outcome> pass_on(const order& what);
  caf::typed_response_promise<node_dump_ptr> dump();
  /// Asks for the next page of `so_far`.
  void ask_page(std::shared_ptr<node_dump> so_far,
                caf::typed_response_promise<node_dump_ptr> promise,
                caf::actor_clock::time_point deadline);
  /// A dump that says only why there is none.
  node_dump_ptr no_dump(const std::string& why) const;
  /// "node b (127.0.0.1:9011)".
  std::string whom() const;

  link_self* self;
  link_wiring wiring;
  /// The peer's gate while UP.
  gate_actor gate;
  /// As it says itself, or as the list of peers says.
  std::string peer_name;
  std::string problem = "not linked yet";
  /// Number of the newest attempt; what is left of older ones is void.
  std::uint64_t attempt = 0;
  /// Failed attempts in a row.
  unsigned failures = 0;
  std::set<std::string> waking;
  bool wake_open = false;

  static constexpr const char* name = "link";
};

/// Begins to dial at once. Spawn it detached: it looks names up, and must
/// answer when every scheduler worker is busy.
link_actor::behavior_type link_to(link_self* self, const census_ptr& all,
                                  link_wiring wiring);

} // namespace posthorn
