// SPDX-License-Identifier: Apache-2.0
// All links of a node.
#pragma once

#include "actors/cluster/link_board.hpp"
#include "actors/metrics/counted.hpp"
#include "actors/protocols.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace posthorn {

/// What the links actor is given to work with.
struct links_wiring {
  /// This node: it has no link to itself.
  peer own;
  /// Linked whatever the list says.
  std::vector<std::string> addresses;
  std::function<link_actor(const peer&)> spawn_link;
  link_board_ptr board;
};

struct links_state;

using links_self = counted_actor<links_actor, links_state>;

/// Keeps one link for each other node, by address.
struct links_state {
  struct entry {
    peer to;
    link_actor link;
  };

  explicit links_state(links_self* owner) : self{owner} {}

  /// Links those and the fixed ones, and no others.
  void take(const std::vector<peer>& wanted);
  /// Passes a greeting to the link to that node; one from a stranger is
  /// nobody's.
  void greeted(const greeting& who);
  /// Tells every link about what was gathered.
  void flush();
  caf::typed_response_promise<order_outcome> pass_on(const order& what);
  caf::typed_response_promise<cluster_dump> dump();
  void end_all();

  links_self* self;
  links_wiring wiring;
  std::map<std::string, entry> links;
  std::set<std::string> waking;

  static constexpr const char* name = "links";
};

/// Spawn it detached: the dump must come when every scheduler worker is busy.
links_actor::behavior_type links(links_self* self, const census_ptr& all,
                                 links_wiring wiring);

} // namespace posthorn
