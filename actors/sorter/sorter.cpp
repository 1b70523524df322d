// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/sorter.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <utility>

namespace posthorn {

namespace {

cut_limits limits_of(const service_config& config) {
  cut_limits result;
  result.max_events = config.delivery.max_events;
  result.max_bytes = config.delivery.max_bytes;
  result.stable_ephemeral = config.registration.receive_ephemeral;
  result.unstable_ephemeral = config.registration.push_ephemeral;
  return result;
}

} // namespace

void sorter_state::poll() {
  if (busy || draining)
    return;
  busy = true;
  again = false;
  self->request(wiring.pool, caf::infinite, peek_atom::value)
    .then([this](const pool_page_ptr& page) { sort(page); },
          [this](const caf::error& why) { failed(why); });
}

void sorter_state::sort(const pool_page_ptr& page) {
  if (page->entries.empty())
    return settle();
  auto what = std::make_shared<routing>(decide(*page));
  self->request(wiring.writer, caf::infinite, storage::route{std::move(what)})
    .then(
      [this, full = page->full](const routed& woken) { sorted(woken, full); },
      [this](const caf::error& why) { failed(why); });
}

void sorter_state::sorted(const routed& woken, bool full) {
  for (auto number : woken.services) {
    const auto found = wiring.services->by_number.find(number);
    if (found == wiring.services->by_number.end())
      continue;
    if (const auto& actor = wiring.services->services[found->second].actor)
      self->send(actor, wake_atom::value);
  }
  again = again || full;
  settle();
}

void sorter_state::failed(const caf::error& why) {
  spdlog::error("sorter: {}", text_of(why));
  again = false;
  settle();
}

void sorter_state::settle() {
  busy = false;
  for (auto& promise : std::exchange(drained, {}))
    promise.deliver(storage::nothing_more{});
  if (again)
    poll();
}

routing sorter_state::decide(const pool_page& page) {
  parcel_builder parcels;
  std::vector<service_no> to;
  std::set<service_no> addressed;
  for (const auto& entry : page.entries) {
    if (!entry.feed.empty()) {
      to.clear();
      address(entry, to);
      if (!to.empty())
        parcels.add_batch(entry, to);
      addressed.insert(to.begin(), to.end());
      continue;
    }
    for (std::uint32_t i = 0; i < entry.kinds.size(); ++i) {
      to.clear();
      wiring.services->decide(entry.fields[i], to);
      if (!to.empty())
        parcels.add_item(entry, i, to);
      addressed.insert(to.begin(), to.end());
    }
  }
  routing result;
  result.epoch = wiring.epoch;
  result.from = page.from;
  result.to = page.next;
  result.parcels = parcels.take();
  for (auto number : addressed) {
    const auto& known = *wiring.services;
    const auto& config = known.services[known.by_number.at(number)].config;
    addressee who;
    who.service = number;
    who.cut_when_idle = config != nullptr;
    if (config)
      who.limits = limits_of(*config);
    result.addressees.push_back(who);
  }
  return result;
}

void sorter_state::address(const pool_entry& entry,
                           std::vector<service_no>& to) {
  const auto found = wiring.services->by_id.find(entry.feed);
  if (found != wiring.services->by_id.end())
    to.push_back(wiring.services->services[found->second].number);
  else
    spdlog::error("sorter: a transaction for service {}, which was never known "
                  "here, is dropped ({} items)",
                  entry.feed, entry.kinds.size());
}

sorter_actor::behavior_type sorter(sorter_self* self, const census_ptr& all,
                                   sorter_wiring wiring) {
  auto& state = self->state;
  state.wiring = std::move(wiring);
  self->enlist(*all, "sorter");
  self->send(self, poll_atom::value);
  return {
    [&state](arrived_atom) {
      if (!state.wiring.wake_on_arrival)
        return;
      state.again = state.busy;
      state.poll();
    },
    [&state](directory_ptr& services) {
      state.wiring.services = std::move(services);
    },
    [&state](drain_atom) {
      auto promise = state.self->make_response_promise<storage::nothing_more>();
      state.draining = true;
      state.again = false;
      state.drained.push_back(promise);
      if (!state.busy)
        state.settle();
      return promise;
    },
    [&state](poll_atom) {
      state.self->delayed_send(state.self, state.wiring.poll_interval,
                               poll_atom::value);
      state.poll();
    },
  };
}

} // namespace posthorn
