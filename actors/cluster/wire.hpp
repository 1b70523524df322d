// SPDX-License-Identifier: Apache-2.0
// The messages that cross from node to node. CAF does not notice when a struct
// has other fields at the other end, so none of these is ever changed: what has
// to change gets a new name with the next number, and gate_actor answers both
// for as long as nodes of both versions may meet.
#pragma once

#include "actors/metrics/census.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/type_id.hpp>

#include <cstdint>
#include <string>
#include <vector>

/// Limits on what one message may hold. There is none in CAF's protocol short
/// of 4 GiB, so senders cut and receivers refuse.
namespace posthorn::wire {

inline constexpr std::size_t services_max = 1'000;
inline constexpr std::size_t actors_max = 200;
inline constexpr std::size_t text_max = 256;

/// The first message over a new connection, and its answer: who is there. With
/// its gate the node that was dialled can use the connection, too.
struct hello_v1 {
  std::string node;
  std::string version;
  /// `cluster.advertise`.
  std::string address;
  caf::strong_actor_ptr gate;
};

template <class Inspector>
auto inspect(Inspector& f, hello_v1& x) {
  return f(caf::meta::type_name("hello_v1"), x.node, x.version, x.address,
           x.gate);
}

/// These services got something to deliver.
struct wake_v1 {
  std::vector<std::string> services;
};

template <class Inspector>
auto inspect(Inspector& f, wake_v1& x) {
  return f(caf::meta::type_name("wake_v1"), x.services);
}

/// How many of them the node delivers to.
struct woken_v1 {
  std::uint32_t here = 0;
};

template <class Inspector>
auto inspect(Inspector& f, woken_v1& x) {
  return f(caf::meta::type_name("woken_v1"), x.here);
}

/// An operator's order; `verb` is that of order::verb.
struct order_v1 {
  std::string service;
  std::uint8_t verb = 0;
};

template <class Inspector>
auto inspect(Inspector& f, order_v1& x) {
  return f(caf::meta::type_name("order_v1"), x.service, x.verb);
}

/// What became of it.
struct ordered_v1 {
  /// Whether the node delivers to that service.
  bool here = false;
  /// Of a retry: whether there was something to attempt. Of a skip: whether a
  /// transaction was open; then a problem means that it is not set aside yet,
  /// but will be if the attempt that is open fails.
  bool attempted = false;
  /// Why it was not done; empty when it was.
  std::string problem;
};

template <class Inspector>
auto inspect(Inspector& f, ordered_v1& x) {
  return f(caf::meta::type_name("ordered_v1"), x.here, x.attempted, x.problem);
}

/// Asks for the actors whose names come after `after`.
struct ask_page_v1 {
  std::string after;
};

template <class Inspector>
auto inspect(Inspector& f, ask_page_v1& x) {
  return f(caf::meta::type_name("ask_page_v1"), x.after);
}

/// actor_snapshot on the wire; times are nanoseconds.
struct actor_v1 {
  std::string name;
  std::string state;
  std::uint64_t handled = 0;
  std::uint64_t mailbox = 0;
  std::uint64_t mailbox_peak = 0;
  std::int64_t busy = 0;
  std::int64_t longest = 0;
  std::int64_t running = 0;
  std::int64_t oldest = 0;
  std::int64_t no_progress = 0;
  std::uint64_t restarts = 0;
  std::string last_message;
};

template <class Inspector>
auto inspect(Inspector& f, actor_v1& x) {
  return f(caf::meta::type_name("actor_v1"), x.name, x.state, x.handled,
           x.mailbox, x.mailbox_peak, x.busy, x.longest, x.running, x.oldest,
           x.no_progress, x.restarts, x.last_message);
}

/// At most actors_max actors, by name.
struct page_v1 {
  std::string node;
  std::string version;
  std::string state;
  std::int64_t uptime_ms = 0;
  std::vector<actor_v1> actors;
  /// How many come after these.
  std::uint64_t more = 0;
};

template <class Inspector>
auto inspect(Inspector& f, page_v1& x) {
  return f(caf::meta::type_name("page_v1"), x.node, x.version, x.state,
           x.uptime_ms, x.actors, x.more);
}

/// Texts are cut at text_max bytes.
actor_v1 to_wire(const actor_snapshot& what);
actor_snapshot from_wire(const actor_v1& what);

} // namespace posthorn::wire

CAF_BEGIN_TYPE_ID_BLOCK(posthorn_links, first_custom_type_id)
  CAF_ADD_TYPE_ID(posthorn_links, (posthorn::wire::hello_v1))
  CAF_ADD_TYPE_ID(posthorn_links, (posthorn::wire::wake_v1))
  CAF_ADD_TYPE_ID(posthorn_links, (posthorn::wire::woken_v1))
  CAF_ADD_TYPE_ID(posthorn_links, (posthorn::wire::order_v1))
  CAF_ADD_TYPE_ID(posthorn_links, (posthorn::wire::ordered_v1))
  CAF_ADD_TYPE_ID(posthorn_links, (posthorn::wire::ask_page_v1))
  CAF_ADD_TYPE_ID(posthorn_links, (posthorn::wire::actor_v1))
  CAF_ADD_TYPE_ID(posthorn_links, (posthorn::wire::page_v1))
CAF_END_TYPE_ID_BLOCK(posthorn_links)
