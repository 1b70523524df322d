// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/rig.hpp"

#include <algorithm>
#include <thread>

namespace posthorn::bench {

namespace {

constexpr std::chrono::milliseconds step{5};

/// Every so many steps the node's memory is looked at.
constexpr int steps_a_sample = 5;

constexpr std::uint64_t stalled_ns = 30'000'000'000;

constexpr std::chrono::milliseconds usual_backoff{2'000};
constexpr std::chrono::milliseconds stay_down_backoff{500'000};

} // namespace

rig::rig(const event_mould& mould, progress& shown,
         std::function<bool()> stopped)
  : mould_{mould}, shown_{shown}, stopped_{std::move(stopped)} {}

caf::expected<std::unique_ptr<rig>> rig::open(const rig_setup& setup,
                                              const event_mould& mould,
                                              progress& shown,
                                              std::function<bool()> stopped) {
  std::unique_ptr<rig> result{new rig{mould, shown, std::move(stopped)}};
  auto services = receivers::open(mould, setup.services, setup.lanes);
  if (!services)
    return std::move(services.error());
  result->services_ = std::move(*services);
  node_setup node;
  node.directory = setup.directory;
  node.catch_all = setup.catch_all;
  node.wake_on_arrival = setup.wake_on_arrival;
  node.poll_interval = setup.poll_interval;
  node.initial_backoff = setup.stay_down ? stay_down_backoff : usual_backoff;
  for (std::size_t i = 0; i < setup.services; ++i)
    node.services.push_back(result->services_->port(i));
  for (std::size_t i = 0; i < setup.dead_services; ++i) {
    if (i == 0 || !setup.dead_on_one_port) {
      auto socket = bind_loopback();
      if (!socket)
        return std::move(socket.error());
      result->dead_.push_back(std::move(*socket));
    }
    node.services.push_back(result->dead_.back().port);
  }
  auto started = node_process::start(node, result->stopped_);
  if (!started)
    return std::move(started.error());
  result->node_ = std::move(*started);
  result->take_cost();
  return result;
}

caf::expected<std::unique_ptr<generator>> rig::send(load what) {
  what.port = node_->feed_port();
  auto opened = generator::open(mould_, what);
  if (!opened)
    return std::move(opened.error());
  auto& sending = **opened;
  sending.start();
  auto why = wait([&] { return sending.done(); },
                  [&] {
                    shown_.advance(sending.acked_events(), what.events);
                    return sending.acked_events();
                  });
  if (!why)
    why = sending.failure();
  if (!why)
    return std::move(*opened);
  // A node that is gone also breaks connections: that says less.
  if (auto gone = node_->ended())
    return gone;
  return why;
}

caf::error rig::await_delivery(std::uint64_t events) {
  return wait([&] { return services_->events() >= events; },
              [&] {
                shown_.advance(services_->events(), events);
                return services_->events();
              });
}

caf::error rig::await_pending(std::size_t service, std::uint64_t events) {
  caf::error failed;
  std::uint64_t waiting = 0;
  auto why = wait(
    [&] {
      auto answer = node_->pending(service_id(service));
      if (!answer)
        failed = std::move(answer.error());
      else
        waiting = *answer;
      return failed || waiting == events;
    },
    [&] { return waiting; });
  return why ? why : failed;
}

caf::error rig::wait(const std::function<bool()>& reached,
                     const std::function<std::uint64_t()>& moved) {
  auto last = moved();
  auto last_ns = steady_ns();
  for (int steps = 0; !reached(); ++steps) {
    if (auto why = services_->failure())
      return why;
    if (auto why = node_->ended())
      return why;
    if (stopped_())
      return fault(ec::draining, "interrupted");
    if (steps % steps_a_sample == 0)
      sample();
    std::this_thread::sleep_for(step);
    const auto now = moved();
    const auto now_ns = steady_ns();
    if (now != last)
      last_ns = now_ns;
    last = now;
    if (now_ns - last_ns > stalled_ns)
      return fault(ec::store_corrupt, "nothing has moved for half a minute: "
                                        + std::to_string(services_->events())
                                        + " events were delivered");
  }
  return services_->failure();
}

void rig::sample() {
  peak_anonymous_bytes_
    = std::max(peak_anonymous_bytes_, node_->usage().anonymous_bytes);
}

caf::expected<std::uint64_t> rig::restart() {
  if (auto why = node_->stop())
    return why;
  const auto begin = steady_ns();
  if (auto why = node_->start_again(stopped_))
    return why;
  cpu_before_ = 0;
  return begin;
}

caf::error rig::idle(std::chrono::milliseconds span) {
  const auto begin = steady_ns();
  const auto end = begin + static_cast<std::uint64_t>(span.count()) * 1'000'000;
  return wait([end] { return steady_ns() >= end; }, [] { return steady_ns(); });
}

cost rig::take_cost() {
  const auto now = node_->usage();
  cost result;
  result.cpu_seconds = now.cpu_seconds - cpu_before_;
  result.peak_resident_bytes = now.peak_resident_bytes;
  result.peak_anonymous_bytes
    = std::max(peak_anonymous_bytes_, now.anonymous_bytes);
  cpu_before_ = now.cpu_seconds;
  return result;
}

caf::expected<const ledger*> rig::finish(const generator& sent) {
  if (auto why = node_->stop())
    return why;
  const auto& arrived = services_->finish();
  if (auto why = services_->failure())
    return why;
  if (const auto lost = arrived.missing(sent.sent()))
    return fault(ec::store_corrupt, *lost);
  return &arrived;
}

} // namespace posthorn::bench
