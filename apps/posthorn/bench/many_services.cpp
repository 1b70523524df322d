// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/workloads.hpp"

#include <algorithm>

namespace posthorn::bench {

namespace {

constexpr double mebibyte = 1024 * 1024;

/// As long as can be: what is sent stays in the pool until the node starts
/// again: it polls at its start.
constexpr std::chrono::milliseconds never{60'000};

constexpr std::chrono::milliseconds settling{2'000};

double seconds_since(std::uint64_t begin_ns, std::uint64_t end_ns) {
  return static_cast<double>(std::max(begin_ns, end_ns) - begin_ns) / 1e9;
}

/// Sends an event for each of the services and waits until all are taken in.
caf::expected<std::unique_ptr<generator>> send_each_one(rig& on,
                                                        std::size_t lanes,
                                                        std::size_t first,
                                                        std::size_t services) {
  load what;
  what.lanes = lanes;
  what.first_service = first;
  what.services = services;
  what.events = services;
  what.batch = 1;
  return on.send(what);
}

} // namespace

caf::expected<finding> run_many(const bench_frame& frame,
                                const bench_volume& volume,
                                std::chrono::milliseconds idle) {
  rig_setup setup;
  setup.directory = frame.directory;
  setup.services = std::min(many_up, volume.services);
  setup.dead_services = volume.services - setup.services;
  setup.dead_on_one_port = true;
  setup.lanes = volume.connections;
  setup.wake_on_arrival = false;
  setup.poll_interval = never;
  setup.stay_down = true;
  auto opened = rig::open(setup, frame.mould, frame.shown, frame.stopped);
  if (!opened)
    return std::move(opened.error());
  auto& on = **opened;
  frame.shown.begin("many: idle");
  // The leases are still being taken.
  if (auto why = on.idle(settling))
    return why;
  on.take_cost();
  if (auto why = on.idle(idle))
    return why;
  const auto at_rest = on.take_cost();
  frame.shown.begin("many: an event for each");
  auto sent = send_each_one(on, setup.lanes, 0, setup.services);
  if (!sent)
    return std::move(sent.error());
  if (setup.dead_services > 0)
    if (auto dead
        = send_each_one(on, setup.lanes, setup.services, setup.dead_services);
        !dead)
      return std::move(dead.error());
  if (auto why = on.services().listen())
    return why;
  frame.shown.begin("many: starting again");
  auto started = on.restart();
  if (!started)
    return std::move(started.error());
  const auto ready = steady_ns();
  if (auto why = on.await_delivery(setup.services))
    return why;
  const auto used = on.take_cost();
  auto arrived = on.finish(**sent);
  if (!arrived)
    return std::move(arrived.error());
  finding result;
  const auto idle_seconds = std::chrono::duration<double>(idle).count();
  result.about = std::to_string(volume.services) + " services, "
                 + std::to_string(setup.dead_services)
                 + " of them never up; idle for "
                 + std::to_string(idle.count() / 1'000)
                 + " s, then started with an event for each";
  result.figures
    = {{"idle CPU", 100 * at_rest.cpu_seconds / idle_seconds, unit::percent},
       {"idle anonymous RSS",
        static_cast<double>(at_rest.peak_anonymous_bytes) / mebibyte,
        unit::mebibytes},
       {"start to ready", seconds_since(*started, ready), unit::seconds},
       {"start to first delivery",
        seconds_since(*started, on.services().first_ns()), unit::seconds},
       {"start to last delivery",
        seconds_since(*started, on.services().newest_ns()), unit::seconds},
       {"CPU of the second start", used.cpu_seconds, unit::seconds},
       {"peak anonymous RSS",
        static_cast<double>(used.peak_anonymous_bytes) / mebibyte,
        unit::mebibytes}};
  return result;
}

} // namespace posthorn::bench
