// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/links.hpp"

#include "actors/cluster/link.hpp"

#include <caf/exit_reason.hpp>
#include <caf/typed_response_promise.hpp>

#include <utility>

namespace posthorn {

namespace {

/// What the links may take beyond their own deadlines; one that looks a name
/// up, or probes an address, is away for a second or two.
constexpr std::chrono::milliseconds grace{500};

/// Answers of several links on their way into one.
template <class Whole>
struct gathering {
  caf::typed_response_promise<Whole> promise;
  Whole whole;
  std::size_t open = 0;

  void one_less() {
    if (--open == 0)
      promise.deliver(std::move(whole));
  }
};

void add_problem(order_outcome& to, const std::string& what) {
  to.problem += (to.problem.empty() ? "" : "; ") + what;
}

} // namespace

void links_state::take(const std::vector<peer>& wanted) {
  std::map<std::string, peer> now;
  for (const auto& address : wiring.addresses)
    now[address] = {"", address};
  for (const auto& one : wanted)
    now[one.address] = one;
  std::erase_if(now, [this](const auto& x) {
    return x.first == wiring.own.address || x.second.name == wiring.own.name;
  });
  for (auto i = links.begin(); i != links.end();) {
    const auto kept = now.find(i->first);
    if (kept != now.end() && kept->second == i->second.to) {
      now.erase(kept);
      ++i;
      continue;
    }
    self->send_exit(i->second.link, caf::exit_reason::user_shutdown);
    wiring.board->forget(i->first);
    i = links.erase(i);
  }
  for (const auto& [address, to] : now)
    links[address] = {to, wiring.spawn_link(to)};
}

void links_state::greeted(const greeting& who) {
  for (const auto& [address, one] : links)
    if (address == who.address || one.to.name == who.node)
      return self->send(one.link, who);
  // It was given another of the node's addresses than the node gives itself.
  for (const auto& known : wiring.board->snapshot())
    if (known.name == who.node)
      if (const auto found = links.find(known.address); found != links.end())
        return self->send(found->second.link, who);
}

void links_state::flush() {
  if (waking.empty())
    return;
  auto ids = std::exchange(waking, {});
  const auto all
    = std::make_shared<const std::vector<std::string>>(ids.begin(), ids.end());
  for (const auto& one : links)
    self->send(one.second.link, all);
}

caf::typed_response_promise<order_outcome>
links_state::pass_on(const order& what) {
  auto state = std::make_shared<gathering<order_outcome>>();
  state->promise = self->make_response_promise<order_outcome>();
  // The nodes that do not deliver to it say so: nobody has to know which does.
  state->open = links.size() + 1;
  for (const auto& one : links)
    self->request(one.second.link, caf::duration{order_patience + grace}, what)
      .then(
        [state](order_outcome& x) {
          if (x.found)
            state->whole = std::move(x);
          state->one_less();
        },
        [state](const caf::error& why) {
          if (!state->whole.found)
            add_problem(state->whole, text_of(why));
          state->one_less();
        });
  state->one_less();
  return state->promise;
}

caf::typed_response_promise<cluster_dump> links_state::dump() {
  auto state = std::make_shared<gathering<cluster_dump>>();
  state->promise = self->make_response_promise<cluster_dump>();
  state->open = links.size() + 1;
  for (const auto& one : links)
    self
      ->request(one.second.link, caf::duration{dump_patience + grace},
                dump_atom::value)
      .then(
        [state](node_dump_ptr& x) {
          state->whole.push_back(std::move(x));
          state->one_less();
        },
        [state, to = one.second.to](const caf::error&) {
          auto silent = std::make_shared<node_dump>();
          silent->name = to.name;
          silent->address = to.address;
          silent->problem = "the link to it does not answer";
          state->whole.push_back(std::move(silent));
          state->one_less();
        });
  state->one_less();
  return state->promise;
}

void links_state::end_all() {
  for (const auto& one : links)
    self->send_exit(one.second.link, caf::exit_reason::user_shutdown);
  links.clear();
}

links_actor::behavior_type links(links_self* self, const census_ptr& all,
                                 links_wiring wiring) {
  auto& state = self->state;
  state.wiring = std::move(wiring);
  self->enlist(*all, "links");
  self->set_exit_handler([self](caf::exit_msg& why) {
    self->state.end_all();
    self->quit(std::move(why.reason));
  });
  state.take({});
  return {
    [&state](const peer_list_ptr& now) { state.take(*now); },
    [&state](const greeting& who) { state.greeted(who); },
    [&state](const service_ids_ptr& ids) {
      // What waits behind this goes with it.
      if (state.waking.empty() && !ids->empty())
        state.self->send(state.self, flush_atom::value);
      state.waking.insert(ids->begin(), ids->end());
    },
    [&state](const order& what) { return state.pass_on(what); },
    [&state](dump_atom) { return state.dump(); },
    [&state](flush_atom) { state.flush(); },
  };
}

} // namespace posthorn
