// SPDX-License-Identifier: Apache-2.0
#include "actors/sorter/sorter.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
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

std::size_t items_of(const pool_page& page) {
  std::size_t result = 0;
  for (const auto& entry : page.entries)
    result += entry.kinds.size();
  return result;
}

/// Shorter waits are not worth a timer.
constexpr std::chrono::microseconds gathering_least{1'000};

/// What an item and a request cost, about twice.
constexpr std::chrono::microseconds gathering_an_item{20};
constexpr std::chrono::microseconds gathering_a_request{300};

constexpr std::chrono::microseconds gathering_most_for_items{10'000};
constexpr std::chrono::microseconds gathering_most_for_requests{50'000};

/// Items that fill a transaction with the limits that services are used to.
constexpr std::size_t full_transaction = 100;

std::chrono::microseconds bounded(std::size_t count,
                                  std::chrono::microseconds each,
                                  std::chrono::microseconds most) {
  if (count >= static_cast<std::size_t>(most / each))
    return most;
  return each * static_cast<int>(count);
}

} // namespace

std::chrono::microseconds gathering_time(std::size_t items,
                                         std::size_t services) {
  const auto for_items
    = bounded(items, gathering_an_item, gathering_most_for_items);
  if (items >= services * full_transaction)
    return for_items;
  return std::max(for_items, bounded(services, gathering_a_request,
                                     gathering_most_for_requests));
}

void sorter_state::poll() {
  if (busy || draining || !wiring.lease.holds())
    return;
  busy = true;
  again = false;
  polled = self->clock().now();
  self->request(wiring.pool, caf::infinite, peek_atom::value)
    .then([this](const pool_page_ptr& page) { sort(page); },
          [this](const caf::error& why) { failed(why); });
}

void sorter_state::sort(const pool_page_ptr& page) {
  if (page->entries.empty())
    return settle();
  deciding = wiring.services->rooms;
  if (std::exchange(fresh, false))
    deciding->forget_all();
  auto decided = decide(*page);
  if (!decided)
    return failed(decided.error());
  auto what = std::make_shared<routing>(std::move(*decided));
  self->request(wiring.writer, caf::infinite, storage::route{std::move(what)})
    .then([this, page](const routed& woken) { sorted(woken, *page); },
          [this](const caf::error& why) { failed(why); });
}

void sorter_state::sorted(const routed& woken, const pool_page& page) {
  deciding->stored();
  const auto each
    = [this](const std::vector<service_no>& numbers, const auto& call) {
        for (auto number : numbers) {
          const auto found = wiring.services->by_number.find(number);
          if (found != wiring.services->by_number.end())
            call(wiring.services->services[found->second]);
        }
      };
  auto handed = woken.handed.begin();
  each(woken.services, [&](const auto& one) {
    while (handed != woken.handed.end() && handed->who.service < one.number)
      ++handed;
    if (!one.actor)
      return;
    if (handed != woken.handed.end() && handed->who.service == one.number)
      self->send(one.actor, wake_atom::value, *handed);
    else
      self->send(one.actor, wake_atom::value);
  });
  // Their nodes find it in the store, too, at their next poll.
  std::vector<std::string> ids;
  if (elsewhere)
    each(woken.elsewhere, [&ids](const auto& one) { ids.push_back(one.id); });
  if (!ids.empty())
    self->send(elsewhere, std::make_shared<const std::vector<std::string>>(
                            std::move(ids)));
  again = again || page.full;
  if (wiring.wake_on_arrival && !page.full)
    gather(gathering_time(items_of(page), woken.services.size()));
  settle();
}

void sorter_state::gather(std::chrono::microseconds how_long) {
  // A slow disk has let them gather already.
  const auto left = polled + how_long - self->clock().now();
  if (left < gathering_least)
    return;
  gathering = true;
  self->delayed_send(self, left, gather_atom::value);
}

void sorter_state::failed(const caf::error& why) {
  spdlog::error("sorter: {}", text_of(why));
  if (deciding)
    deciding->given_up();
  again = false;
  settle();
}

void sorter_state::settle() {
  busy = false;
  deciding = nullptr;
  // By turns: a long import must not hold up the events.
  const bool page_first = std::exchange(learned, false) && again && !draining;
  if (!lessons.empty() && !page_first)
    return learn();
  for (auto& promise : std::exchange(drained, {}))
    promise.deliver(storage::nothing_more{});
  if (again && !gathering)
    poll();
}

void sorter_state::learn() {
  busy = true;
  learned = true;
  auto [what, asker] = std::move(lessons.front());
  lessons.pop_front();
  const storage::learn step{wiring.lease.epoch, what};
  self->request(wiring.writer, caf::infinite, step)
    .then(
      [this, known = what, promise = asker](const storage::learned& x) mutable {
        wiring.services->rooms->forget(*known);
        promise.deliver(x);
        again = true;
        settle();
      },
      [this, promise = asker](caf::error& why) mutable {
        promise.deliver(std::move(why));
        settle();
      });
}

caf::error sorter_state::decide_parts(const pool_entry& entry,
                                      part_sorting& parts) {
  std::vector<service_no> to;
  if (!entry.feed.empty()) {
    address(entry, to);
    return to.empty() ? caf::error{} : parts.add_addressed(entry, to.front());
  }
  for (std::uint32_t i = 0; i < entry.kinds.size(); ++i)
    if (entry.kinds[i] != item_kind::event)
      if (auto why = parts.add(entry, i))
        return why;
  return {};
}

caf::error sorter_state::decide(const pool_entry& entry,
                                parcel_builder& parcels,
                                std::set<service_no>& addressed,
                                part_sorting& parts) {
  if (!entry.json.empty())
    if (auto why = decide_parts(entry, parts))
      return why;
  std::vector<service_no> to;
  if (!entry.feed.empty()) {
    // What has parts beside events is placed by them.
    if (!entry.json.empty())
      return {};
    address(entry, to);
    if (!to.empty())
      parcels.add_batch(entry, to);
    addressed.insert(to.begin(), to.end());
    return {};
  }
  for (std::uint32_t i = 0; i < entry.kinds.size(); ++i) {
    if (entry.kinds[i] != item_kind::event)
      continue;
    to.clear();
    if (auto why = deciding->decide(entry.fields[i], to))
      return why;
    if (!to.empty())
      parcels.add_item(entry, i, to);
    addressed.insert(to.begin(), to.end());
  }
  return {};
}

caf::expected<routing> sorter_state::decide(const pool_page& page) {
  parcel_builder parcels;
  std::set<service_no> addressed;
  part_sorting parts{*wiring.services, seed, parcels, addressed};
  for (const auto& entry : page.entries)
    if (auto why = decide(entry, parcels, addressed, parts))
      return why;
  routing result;
  result.epoch = wiring.lease.epoch;
  result.from = page.from;
  result.to = page.next;
  result.parcels = parcels.take();
  result.rooms = deciding->changes();
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
  std::random_device random;
  state.seed = std::uint64_t{random()} << 32 | random();
  self->enlist(*all, "sorter");
  self->send(self, poll_atom::value);
  return {
    [&state](arrived_atom) {
      if (!state.wiring.wake_on_arrival)
        return;
      state.again = state.busy || state.gathering;
      if (!state.gathering)
        state.poll();
    },
    [&state](directory_ptr& services) {
      state.wiring.services = std::move(services);
    },
    [&state](tenure& x) {
      state.wiring.lease = std::move(x);
      state.draining = false;
      state.fresh = state.wiring.lease.epoch != 0;
      state.again = state.busy;
      state.poll();
    },
    [&state](elsewhere_listener& x) { state.elsewhere = std::move(x); },
    [&state](storage::learn& x) {
      auto promise = state.self->make_response_promise<storage::learned>();
      if (state.draining) {
        promise.deliver(fault(ec::draining, "the node is shutting down"));
        return promise;
      }
      if (state.wiring.lease.epoch == 0) {
        promise.deliver(fault(ec::lease_held, "this node does not sort"));
        return promise;
      }
      state.lessons.emplace_back(std::move(x.what), promise);
      if (!state.busy)
        state.learn();
      return promise;
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
    [&state](gather_atom) {
      state.gathering = false;
      if (state.again)
        state.poll();
    },
  };
}

} // namespace posthorn
