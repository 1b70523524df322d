// SPDX-License-Identifier: Apache-2.0
#include "actors/cluster/cluster.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace posthorn {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds tick_longest{1'000};

/// The part of the ttl after which a node takes its session for over. The rest
/// is for what lies between the last look at the clock and the first byte sent.
constexpr int deadline_percent = 90;

bool same(const std::vector<node_row>& x, const std::vector<node_row>& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](const node_row& a, const node_row& b) {
                      return a.name == b.name && a.session == b.session
                             && a.state == b.state && a.alive == b.alive
                             && a.services == b.services
                             && a.address == b.address;
                    });
}

} // namespace

milliseconds cluster_state::tick_interval() const {
  return std::clamp(wiring.self.ttl / 5, milliseconds{1}, tick_longest);
}

void cluster_state::tick() {
  self->delayed_send(self, tick_interval(), tick_atom::value);
  beat();
  look();
}

// -- the session --------------------------------------------------------------

void cluster_state::beat() {
  const auto now = wiring.clock();
  if (beating) {
    if (now - asked >= wiring.self.ttl / 3)
      if (const auto done = wiring.store->unblock(); !done.empty())
        spdlog::error("cluster: {}", done);
    return;
  }
  if (session == 0)
    return join();
  const auto state = leaving ? node_state::leaving : node_state::up;
  if (now - asked < wiring.self.ttl / 3 && state == said
      && digest == said_services)
    return;
  beating = true;
  asked = now;
  said = state;
  said_services = digest;
  self
    ->request(wiring.writer, caf::infinite,
              storage::heartbeat{{wiring.self.node, session, state, digest}})
    .then(
      [this, at = now](const storage::nothing_more&) {
        beating = false;
        if (until)
          until->move(at + wiring.self.ttl * deadline_percent / 100);
      },
      [this](const caf::error& why) {
        beating = false;
        if (is(why, ec::fenced)) {
          spdlog::warn("cluster: {}; joining anew", text_of(why));
          return session_over();
        }
        spdlog::error("cluster: no heartbeat: {}", text_of(why));
        // Tried again by the next tick.
        said_services = ~digest;
      });
}

void cluster_state::join() {
  if (leaving)
    return finish_leaving();
  beating = true;
  asked = wiring.clock();
  wiring.self.services = digest;
  self
    ->request(wiring.writer, caf::infinite, storage::open_session{wiring.self})
    .then(
      [this, at = asked](const posthorn::session& opened) {
        beating = false;
        session = opened.number;
        said = node_state::up;
        said_services = wiring.self.services;
        until = std::make_shared<session_deadline>(wiring.clock);
        until->move(at + wiring.self.ttl * deadline_percent / 100);
        leases = {};
        look();
      },
      [this](const caf::error& why) {
        beating = false;
        spdlog::error("cluster: cannot join: {}", text_of(why));
      });
}

void cluster_state::session_over() {
  if (until)
    until->move(milliseconds{0});
  session = 0;
  for (const auto& [which, what] : std::exchange(held, {}))
    stand_by(which, what);
  join();
}

// -- looking ------------------------------------------------------------------

void cluster_state::look() {
  if (session == 0)
    return;
  auto seen = wiring.store->nodes();
  auto list = wiring.store->leases(leases.changes);
  if (!seen || !list) {
    spdlog::error("cluster: {}", text_of(seen ? list.error() : seen.error()));
    return;
  }
  auto changed = !same(*seen, nodes);
  nodes = std::move(*seen);
  if (list->changes != leases.changes) {
    changed = true;
    leases = std::move(*list);
    compare();
  }
  unsettled = unsettled || changed;
  act();
  if (changed || !shown)
    publish();
}

void cluster_state::publish() {
  if (listeners.empty())
    return;
  auto view = std::make_shared<cluster_view>();
  view->self = wiring.self.node;
  view->session = session;
  view->nodes = nodes;
  for (const auto& one : leases.rows)
    if (!one.node.empty())
      view->owners.emplace(one.name, one.node);
  shown = std::move(view);
  for (const auto& one : listeners)
    self->send(one, shown);
}

void cluster_state::answer_calls() {
  if (session == 0 || called)
    return;
  const auto waiting = wiring.store->is_called(session);
  if (!waiting || !*waiting)
    return;
  called = true;
  self->request(wiring.writer, caf::infinite, storage::take_calls{session})
    .then(
      [this](const storage::calls& all) {
        called = false;
        for (const auto& one : all.what)
          pass_on(one);
      },
      [this](const caf::error& why) {
        called = false;
        spdlog::error("cluster: {}", text_of(why));
      });
}

void cluster_state::pass_on(const service_call& what) {
  const auto found = wiring.services->by_number.find(what.service);
  if (found == wiring.services->by_number.end())
    return;
  const auto& actor = wiring.services->services[found->second].actor;
  if (!actor)
    return;
  const auto ignore = [](const caf::error&) {};
  if (what.asks(call_kind::pause) || what.asks(call_kind::resume))
    self
      ->request(actor, caf::infinite, pause_atom::value,
                what.asks(call_kind::pause))
      .then([](const storage::nothing_more&) {}, ignore);
  if (what.asks(call_kind::wake))
    self->send(actor, wake_atom::value);
  if (what.asks(call_kind::retry))
    self->request(actor, caf::infinite, retry_atom::value)
      .then([](bool) {}, ignore);
  if (what.asks(call_kind::skip))
    self->request(actor, caf::infinite, skip_atom::value, what.transaction)
      .then([](skip_answer) {}, ignore);
}

void cluster_state::replace(directory_ptr services) {
  std::map<std::string, service_actor> now;
  std::vector<std::string> ids;
  for (const auto& one : services->services)
    if (one.actor) {
      now.emplace(lease_name(one.id), one.actor);
      ids.push_back(one.id);
    }
  for (const auto& [which, actor] : deliverers) {
    const auto kept = now.find(which);
    if (kept != now.end() && kept->second == actor)
      continue;
    // One that holds its lease is ended when that was given back.
    if (held.count(which) == 0 && asking.count(which) == 0)
      self->send_exit(actor, caf::exit_reason::user_shutdown);
  }
  wiring.services = std::move(services);
  deliverers = std::move(now);
  digest = services_digest(std::move(ids));
  unsettled = true;
  beat();
  look();
}

void cluster_state::finish_leaving() {
  if (!leaving || !held.empty() || !asking.empty())
    return;
  const auto tell = [this] {
    for (auto& promise : std::exchange(left, {}))
      promise.deliver(storage::nothing_more{});
  };
  if (session == 0)
    return tell();
  const auto over = std::exchange(session, 0);
  self
    ->request(wiring.writer, caf::infinite,
              storage::close_session{wiring.self.node, over})
    .then([tell](const storage::nothing_more&) { tell(); },
          [tell](const caf::error& why) {
            spdlog::error("cluster: {}", text_of(why));
            tell();
          });
}

cluster_actor::behavior_type cluster(cluster_self* self, const census_ptr& all,
                                     cluster_wiring wiring) {
  auto& state = self->state;
  state.wiring = std::move(wiring);
  self->enlist(*all, "cluster");
  state.session = state.wiring.session;
  state.asked = state.wiring.opened;
  state.said_services = state.wiring.self.services;
  state.until = std::make_shared<session_deadline>(state.wiring.clock);
  state.until->move(state.asked
                    + state.wiring.self.ttl * deadline_percent / 100);
  state.replace(state.wiring.services);
  self->delayed_send(self, state.tick_interval(), tick_atom::value);
  self->send(self, poll_atom::value);
  return {
    [&state](cluster_listener& x) {
      state.listeners.push_back(std::move(x));
      state.publish();
    },
    [&state](look_atom) {
      state.look();
      state.answer_calls();
    },
    [&state](directory_ptr& x) { state.replace(std::move(x)); },
    [&state](drain_atom) {
      auto promise = state.self->make_response_promise<storage::nothing_more>();
      state.left.push_back(promise);
      state.leaving = true;
      state.unsettled = true;
      state.beat();
      state.act();
      return promise;
    },
    [&state](tick_atom) { state.tick(); },
    [&state](poll_atom) {
      state.self->delayed_send(state.self, state.wiring.poll_interval,
                               poll_atom::value);
      state.answer_calls();
    },
  };
}

} // namespace posthorn
