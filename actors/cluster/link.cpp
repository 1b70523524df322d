// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/link.hpp"

#include <caf/actor_clock.hpp>
#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

/// For the connection, TLS included, and then for the greeting.
constexpr milliseconds connect_patience{3'000};
constexpr milliseconds hello_patience{2'000};
constexpr milliseconds wake_patience{5'000};

/// A dump ends after this many pages.
constexpr std::size_t actors_of_dump_max = 20 * wire::actors_max;

const std::string no_answer
  = "no answer in " + std::to_string(dump_patience.count() / 1'000) + " s";

/// Host and port of "host:port" or "[v6]:port", checked by the configuration or
/// by the node that published it.
std::pair<std::string, std::uint16_t> split(const std::string& address) {
  const auto colon = address.rfind(':');
  auto host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  if (colon != std::string::npos)
    std::from_chars(address.data() + colon + 1, address.data() + address.size(),
                    port);
  return {std::move(host), port};
}

milliseconds pause_after(unsigned failures, double spread) {
  auto result = redial_first;
  for (unsigned i = 1; i < failures && result < redial_longest; ++i)
    result *= 2;
  result = std::min(result, redial_longest);
  // Nodes that lost each other at once need not come back at once.
  return milliseconds{static_cast<milliseconds::rep>(
    static_cast<double>(result.count()) * (1.0 - 0.2 * spread))};
}

/// CAF's words for a connection that ended, in an operator's.
std::string lost_text(const caf::error& why) {
  if (why == caf::exit_reason::remote_link_unreachable)
    return "the connection was lost";
  return "the connection ended: " + text_of(why);
}

} // namespace

// -- the two behaviours -------------------------------------------------------

link_actor::behavior_type link_state::dialling() {
  return {
    [](const service_ids_ptr&) {},
    [this](const greeting& who) { greeted(who); },
    [this](const order&) -> caf::result<order_outcome> {
      return fault(ec::bad_address, whom() + ": " + problem);
    },
    [this](dump_atom) { return no_dump(problem); },
    [this](dial_atom, std::uint64_t number) { dial(number); },
  };
}

link_actor::behavior_type link_state::up() {
  return {
    [this](const service_ids_ptr& ids) {
      waking.insert(ids->begin(), ids->end());
      wake();
    },
    [this](const greeting& who) { greeted(who); },
    [this](const order& what) { return pass_on(what); },
    [this](dump_atom) { return dump(); },
    // Of an attempt that is over.
    [](dial_atom, std::uint64_t) {},
  };
}

// -- connecting ---------------------------------------------------------------

void link_state::dial(std::uint64_t number) {
  if (number != attempt)
    return;
  const auto [host, port] = split(wiring.to.address);
  if (const auto why = wiring.probe(host, port))
    return redial(text_of(why));
  self
    ->request(wiring.broker, caf::duration{connect_patience},
              caf::connect_atom::value, host, port)
    .then(
      [this, number](const caf::node_id&, caf::strong_actor_ptr& found,
                     const std::set<std::string>& offered) {
        if (number != attempt)
          return;
        auto& sys = self->system();
        const auto wanted
          = sys.message_types(caf::detail::type_list<gate_actor>{});
        if (!found || !sys.assignable(offered, wanted))
          return redial("what answers there is no node of a version that can "
                        "be linked");
        greet(caf::actor_cast<gate_actor>(found), number);
      },
      [this, number](const caf::error& why) {
        if (number == attempt)
          redial("it does not take the connection (is TLS set at one end "
                 "only, or are the certificates of different CAs?): "
                 + text_of(why));
      });
}

void link_state::greet(const gate_actor& found, std::uint64_t number) {
  self
    ->request(
      found, caf::duration{hello_patience},
      wire::hello_v1{wiring.own.name, wiring.version, wiring.own.address,
                     caf::actor_cast<caf::strong_actor_ptr>(wiring.own_gate)})
    .then(
      [this, number, found](const wire::hello_v1& who) {
        if (number != attempt)
          return;
        if (who.node == wiring.own.name)
          return redial("the node there is called '" + who.node
                        + "', as this one: it is the same, or names are not "
                          "unique");
        go_up(found, who.node);
      },
      [this, number](const caf::error&) {
        if (number == attempt)
          redial("connected, but nobody answers");
      });
}

void link_state::greeted(const greeting& who) {
  if (who.node == wiring.own.name || who.gate == gate)
    return;
  // Attempts of this end are void from now on.
  ++attempt;
  if (gate)
    self->demonitor(gate.address());
  go_up(who.gate, who.node);
}

bool link_state::dials() const {
  // Addresses may be written in several ways: names are better, once known.
  return peer_name.empty() ? wiring.own.address < wiring.to.address
                           : wiring.own.name < peer_name;
}

void link_state::go_up(const gate_actor& found, const std::string& who) {
  gate = found;
  peer_name = who;
  failures = 0;
  problem.clear();
  waking.clear();
  wake_open = false;
  self->monitor(gate);
  self->show_state("UP");
  wiring.board->up(wiring.to.address, who);
  spdlog::info("link: {} is up", whom());
  self->become(up());
}

void link_state::go_down(const std::string& why) {
  gate = gate_actor{};
  self->show_state("DIALLING");
  spdlog::warn("link: {} is down: {}", whom(), why);
  self->become(dialling());
  redial(why);
}

void link_state::redial(const std::string& why) {
  ++failures;
  if (why != problem && failures > 1)
    spdlog::warn("link: {}: {}", whom(), why);
  problem = why;
  wiring.board->down(wiring.to.address, peer_name, why);
  auto pause = pause_after(failures, wiring.spread());
  if (!dials())
    pause += turn_patience;
  self->delayed_send(self, pause, dial_atom::value, ++attempt);
}

// -- what goes over it --------------------------------------------------------

void link_state::wake() {
  if (wake_open || waking.empty())
    return;
  wire::wake_v1 what;
  while (!waking.empty() && what.services.size() < wire::services_max)
    what.services.push_back(std::move(waking.extract(waking.begin()).value()));
  wake_open = true;
  const auto over = [this, of = gate] {
    if (of != gate)
      return;
    wake_open = false;
    wake();
  };
  self->request(gate, caf::duration{wake_patience}, std::move(what))
    .then([over](const wire::woken_v1&) { over(); },
          [over](const caf::error&) { over(); });
}

caf::typed_response_promise<order_outcome>
link_state::pass_on(const order& what) {
  auto promise = self->make_response_promise<order_outcome>();
  self
    ->request(
      gate, caf::duration{order_patience},
      wire::order_v1{what.service, static_cast<std::uint8_t>(what.what)})
    .then(
      [this, promise, verb = what.what](const wire::ordered_v1& x) mutable {
        order_outcome result;
        result.found = x.here;
        result.node = peer_name;
        result.attempted = x.attempted;
        result.when_refused
          = verb == order::verb::skip && x.attempted && !x.problem.empty();
        if (!result.when_refused)
          result.problem = x.problem.substr(0, wire::text_max);
        promise.deliver(std::move(result));
      },
      [this, promise](const caf::error&) mutable {
        promise.deliver(
          fault(ec::bad_address, whom() + ": no answer to the order"));
      });
  return promise;
}

caf::typed_response_promise<node_dump_ptr> link_state::dump() {
  auto promise = self->make_response_promise<node_dump_ptr>();
  auto result = std::make_shared<node_dump>();
  result->address = wiring.to.address;
  ask_page(std::move(result), promise, self->clock().now() + dump_patience);
  return promise;
}

void link_state::ask_page(std::shared_ptr<node_dump> so_far,
                          caf::typed_response_promise<node_dump_ptr> promise,
                          caf::actor_clock::time_point deadline) {
  const auto left
    = std::chrono::duration_cast<milliseconds>(deadline - self->clock().now());
  if (left <= milliseconds{0} || !gate) {
    promise.deliver(no_dump(no_answer));
    return;
  }
  wire::ask_page_v1 asked;
  if (!so_far->actors.empty())
    asked.after = so_far->actors.back().name;
  self->request(gate, caf::duration{left}, std::move(asked))
    .then(
      [this, so_far, promise, deadline](const wire::page_v1& page) mutable {
        so_far->name = page.node;
        so_far->version = page.version;
        so_far->state = page.state;
        so_far->uptime = milliseconds{page.uptime_ms};
        so_far->left_out = page.more;
        // Names that are cut may be alike: a page that goes back is the last.
        const bool onward
          = !page.actors.empty()
            && (so_far->actors.empty()
                || so_far->actors.back().name < page.actors.front().name);
        const auto size = std::min(page.actors.size(), wire::actors_max);
        for (std::size_t i = 0; onward && i < size; ++i)
          so_far->actors.push_back(wire::from_wire(page.actors[i]));
        if (page.more > 0 && onward
            && so_far->actors.size() < actors_of_dump_max)
          return ask_page(std::move(so_far), promise, deadline);
        promise.deliver(node_dump_ptr{std::move(so_far)});
      },
      [this, promise](const caf::error&) mutable {
        promise.deliver(no_dump(no_answer));
      });
}

node_dump_ptr link_state::no_dump(const std::string& why) const {
  auto result = std::make_shared<node_dump>();
  result->name = peer_name;
  result->address = wiring.to.address;
  result->problem = why;
  return result;
}

std::string link_state::whom() const {
  if (peer_name.empty())
    return "the node at " + wiring.to.address;
  return "node " + peer_name + " (" + wiring.to.address + ")";
}

link_actor::behavior_type link_to(link_self* self, const census_ptr& all,
                                  link_wiring wiring) {
  auto& state = self->state;
  state.wiring = std::move(wiring);
  state.peer_name = state.wiring.to.name;
  state.wiring.board->down(state.wiring.to.address, state.peer_name,
                           state.problem);
  self->enlist(*all, "link/" + state.wiring.to.address);
  self->show_state("DIALLING");
  self->set_down_handler([&state](const caf::down_msg& what) {
    if (state.gate && what.source == state.gate.address())
      state.go_down(lost_text(what.reason));
  });
  const auto number = ++state.attempt;
  if (state.dials())
    self->send(self, dial_atom::value, number);
  else
    self->delayed_send(self, turn_patience, dial_atom::value, number);
  return state.dialling();
}

} // namespace posthorn
