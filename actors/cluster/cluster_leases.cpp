// SPDX-License-Identifier: Apache-2.0
// What a node holds: taken, given back, lost.
#include "actors/cluster/cluster.hpp"

#include <caf/exit_reason.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace posthorn {

void cluster_state::compare() {
  std::unordered_map<std::string, const lease_row*> rows;
  for (const auto& one : leases.rows)
    rows.emplace(one.name, &one);
  for (auto i = held.begin(); i != held.end();) {
    const auto row = rows.find(i->first);
    const bool still = row != rows.end() && row->second->session == session
                       && row->second->node == wiring.self.node
                       && row->second->epoch == i->second.epoch;
    // What is being given back may be gone already.
    if (still || i->second.giving) {
      ++i;
      continue;
    }
    spdlog::warn("cluster: {} went to another node", i->first);
    stand_by(i->first, i->second);
    i = held.erase(i);
  }
}

cluster_situation cluster_state::situation() const {
  cluster_situation now;
  now.self = wiring.self.node;
  now.leaving = leaving;
  now.services_digest = digest;
  for (const auto& entry : deliverers)
    now.wanted.push_back(entry.first);
  now.nodes = nodes;
  std::map<std::string, session_no> alive;
  for (const auto& one : nodes)
    if (one.alive)
      alive.emplace(one.name, one.session);
  for (const auto& one : leases.rows) {
    // Not one.held: sessions end without a change of the list.
    const auto holder = alive.find(one.node);
    if (holder == alive.end() || holder->second != one.session)
      continue;
    now.taken.push_back(one.name);
    now.sorter_taken = now.sorter_taken || one.name == sorter_lease;
  }
  for (const auto& entry : asking)
    now.taken.push_back(entry.first);
  now.sorter_taken = now.sorter_taken || held.count(sorter_lease) > 0
                     || asking.count(sorter_lease) > 0;
  for (const auto& [which, what] : held)
    if (what.giving || which == sorter_lease)
      now.taken.push_back(which);
    else
      now.own.push_back(which);
  return now;
}

void cluster_state::act() {
  if (session == 0)
    return leaving ? finish_leaving() : void();
  if (!std::exchange(unsettled, false))
    return;
  const auto plan = plan_of(situation());
  unsettled = !plan.empty();
  for (const auto& which : plan.give)
    give(which);
  for (const auto& which : plan.take)
    take(which);
  if (plan.take_sorter)
    take(sorter_lease);
  if (const auto sorter = held.find(sorter_lease);
      leaving && sorter != held.end() && !sorter->second.giving)
    give(sorter_lease);
  finish_leaving();
}

void cluster_state::take(const std::string& which) {
  asking.emplace(which, session);
  self
    ->request(wiring.writer, caf::infinite,
              storage::take_lease{{which, wiring.self.node, session}})
    .then([this,
           in = session](const lease& got) { taken(got.name, got.epoch, in); },
          [this, which](const caf::error& why) {
            asking.erase(which);
            unsettled = true;
            // Another was quicker, or this session is over: the next look, the
            // next heartbeat tell.
            if (!is(why, ec::lease_held) && !is(why, ec::fenced))
              spdlog::error("cluster: {}", text_of(why));
            finish_leaving();
          });
}

void cluster_state::taken(const std::string& which, posthorn::epoch under,
                          session_no in) {
  asking.erase(which);
  unsettled = true;
  // A lease of a session that is over is over, too.
  if (in != session)
    return;
  const auto deliverer = deliverers.find(which);
  const bool wanted = which == sorter_lease || deliverer != deliverers.end();
  auto& mine = held[which];
  mine = {under,
          wanted && which != sorter_lease ? deliverer->second : service_actor{},
          false};
  if (leaving || !wanted)
    return give(which);
  if (which == sorter_lease) {
    spdlog::info("cluster: this node sorts (epoch {})", under);
    self->send(wiring.sorter, tenure{under, until});
  } else {
    spdlog::debug("cluster: {} is this node's (epoch {})", which, under);
    self->send(mine.actor, tenure{under, until});
  }
}

void cluster_state::give(const std::string& which) {
  auto& mine = held.at(which);
  mine.giving = true;
  const auto done = [this, which, under = mine.epoch](
                      const storage::nothing_more&) { given(which, under); };
  // An actor that has ended writes no more.
  const auto ended = [this, which, under = mine.epoch](const caf::error&) {
    given(which, under);
  };
  if (which == sorter_lease)
    self->request(wiring.sorter, caf::infinite, drain_atom::value)
      .then(done, ended);
  else if (mine.actor)
    self->request(mine.actor, caf::infinite, drain_atom::value)
      .then(done, ended);
  else
    given(which, mine.epoch);
}

void cluster_state::given(const std::string& which, posthorn::epoch under) {
  const auto found = held.find(which);
  // Lost meanwhile, perhaps granted anew.
  if (found == held.end() || found->second.epoch != under)
    return;
  stand_by(which, found->second);
  const auto over = [this, which, under] {
    const auto mine = held.find(which);
    if (mine != held.end() && mine->second.epoch == under)
      held.erase(mine);
    unsettled = true;
    finish_leaving();
  };
  self->request(wiring.writer, caf::infinite, storage::give_lease{which, under})
    .then([over](const storage::nothing_more&) { over(); },
          [over](const caf::error&) { over(); });
}

void cluster_state::stand_by(const std::string& which, const holding& what) {
  if (which == sorter_lease)
    return self->send(wiring.sorter, tenure{});
  if (!what.actor)
    return;
  self->send(what.actor, tenure{});
  const auto listed = deliverers.find(which);
  // No longer configured, or replaced.
  if (listed == deliverers.end() || listed->second != what.actor)
    self->send_exit(what.actor, caf::exit_reason::user_shutdown);
}

} // namespace posthorn
