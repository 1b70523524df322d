// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/workloads.hpp"

#include "apps/posthorn/config/quantity.hpp"

#include <algorithm>

namespace posthorn::bench {

namespace {

constexpr double ns_per_second = 1e9;
constexpr double ns_per_ms = 1e6;
constexpr double mebibyte = 1024 * 1024;

/// Services that a backlog is spread over.
constexpr std::size_t backlog_services = 10;

/// Connections that a backlog of single events arrives over: so many can be
/// gathered into one commit.
constexpr std::size_t single_lanes = 64;

double seconds(std::uint64_t from_ns, std::uint64_t to_ns) {
  return static_cast<double>(std::max(to_ns, from_ns + 1) - from_ns)
         / ns_per_second;
}

figure rate_figure(const std::string& name, std::uint64_t events,
                   double during) {
  return {name, static_cast<double>(events) / during, unit::events_per_second};
}

void add_cost(std::vector<figure>& to, const std::string& name,
              std::uint64_t events, const cost& what) {
  to.push_back({name, what.cpu_seconds * 1e6 / static_cast<double>(events),
                unit::ms_per_1000_events});
  to.push_back({"peak RSS",
                static_cast<double>(what.peak_resident_bytes) / mebibyte,
                unit::mebibytes});
  to.push_back({"peak anonymous RSS",
                static_cast<double>(what.peak_anonymous_bytes) / mebibyte,
                unit::mebibytes});
}

/// The value below which a share of the sorted values lies.
double quantile_ms(const std::vector<std::uint64_t>& sorted, double share) {
  const auto last = static_cast<double>(sorted.size() - 1);
  const auto index = static_cast<std::size_t>(share * last + 0.5);
  return static_cast<double>(sorted[index]) / ns_per_ms;
}

rig_setup setup_of(const bench_frame& frame, const bench_volume& volume,
                   bool wake_on_arrival) {
  rig_setup result;
  result.directory = frame.directory;
  result.services = volume.services;
  result.lanes = volume.connections;
  result.wake_on_arrival = frame.wake_on_arrival.value_or(wake_on_arrival);
  result.poll_interval = frame.poll_interval;
  return result;
}

load load_of(const bench_volume& volume) {
  load result;
  result.lanes = volume.connections;
  result.services = volume.services;
  result.events = volume.events;
  result.batch = volume.batch;
  return result;
}

/// What came of a load.
struct passage {
  /// Of the node, since it was last asked.
  cost used;
  const ledger* arrived = nullptr;
};

/// Waits until so many events are delivered: all that was sent; and checks it.
caf::expected<passage> see_through(rig& on, const generator& sent,
                                   std::uint64_t events) {
  if (auto why = on.await_delivery(events))
    return why;
  passage result;
  result.used = on.take_cost();
  const auto arrived = on.finish(sent);
  if (!arrived)
    return arrived.error();
  result.arrived = *arrived;
  return result;
}

std::string polling(const rig_setup& setup) {
  return setup.wake_on_arrival
           ? "polled on arrival"
           : "polled every " + duration_text(setup.poll_interval);
}

std::string count(std::uint64_t number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

/// Fills the store with events for services that are never up.
caf::error pile_up(rig& on, const bench_frame& frame,
                   const bench_volume& volume) {
  if (volume.backlog == 0)
    return caf::none;
  frame.shown.begin("growth: filling the store");
  load what;
  what.lanes = volume.connections;
  what.first_service = volume.services;
  what.services = backlog_services;
  what.events = volume.backlog;
  what.batch = volume.batch;
  auto sent = on.send(what);
  if (!sent)
    return std::move(sent.error());
  for (std::size_t i = 0; i < backlog_services; ++i) {
    const auto service = volume.services + i;
    std::uint64_t events = 0;
    for (std::size_t lane = 0; lane < what.lanes; ++lane)
      events += (*sent)->sent().at(service, lane);
    if (auto why = on.await_pending(service, events))
      return why;
  }
  return caf::none;
}

} // namespace

caf::expected<finding> run_throughput(const bench_frame& frame,
                                      const bench_volume& volume,
                                      bool addressed) {
  auto setup = setup_of(frame, volume, true);
  setup.catch_all = !addressed;
  setup.dead_services = volume.backlog > 0 ? backlog_services : 0;
  setup.stay_down = volume.backlog > 0;
  auto opened = rig::open(setup, frame.mould, frame.shown, frame.stopped);
  if (!opened)
    return std::move(opened.error());
  auto& on = **opened;
  if (auto why = on.services().listen())
    return why;
  if (auto why = pile_up(on, frame, volume))
    return why;
  frame.shown.begin(frame.directory.filename().string() + ": running");
  on.take_cost();
  auto what = load_of(volume);
  what.addressed = addressed;
  auto sent = on.send(what);
  if (!sent)
    return std::move(sent.error());
  auto end = see_through(on, **sent, volume.events);
  if (!end)
    return std::move(end.error());
  const auto begin = (*sent)->first_ns();
  finding result;
  result.about = count(volume.events, "event") + " in batches of "
                 + std::to_string(volume.batch) + " over "
                 + count(volume.connections, "connection") + " to "
                 + count(volume.services, "service") + ", "
                 + (addressed ? "addressed feed" : "catch-all feed") + ", "
                 + polling(setup);
  if (volume.backlog > 0)
    result.about += ", behind " + count(volume.backlog, "waiting event");
  result.figures = {
    rate_figure("delivered", volume.events,
                seconds(begin, on.services().newest_ns())),
    rate_figure("acked", volume.events, seconds(begin, (*sent)->newest_ns())),
    {"requests to services", static_cast<double>(on.services().requests()),
     unit::count}};
  add_cost(result.figures, "CPU of the node", volume.events, end->used);
  return result;
}

caf::expected<finding> run_latency(const bench_frame& frame,
                                   const bench_volume& volume, double rate) {
  const auto setup = setup_of(frame, volume, true);
  auto opened = rig::open(setup, frame.mould, frame.shown, frame.stopped);
  if (!opened)
    return std::move(opened.error());
  auto& on = **opened;
  if (auto why = on.services().listen())
    return why;
  frame.shown.begin(frame.directory.filename().string() + ": running");
  auto what = load_of(volume);
  what.batch = 1;
  what.rate = rate;
  auto sent = on.send(what);
  if (!sent)
    return std::move(sent.error());
  auto end = see_through(on, **sent, volume.events);
  if (!end)
    return std::move(end.error());
  auto latencies = end->arrived->latencies_ns();
  std::sort(latencies.begin(), latencies.end());
  finding result;
  result.about = count(volume.events, "single event") + ", "
                 + std::to_string(static_cast<int>(rate)) + " a second, to "
                 + count(volume.services, "service") + ", from due to arrival, "
                 + polling(setup);
  const auto add = [&](const char* name, double share) {
    result.figures.push_back(
      {name, quantile_ms(latencies, share), unit::milliseconds});
  };
  add("latency p50", 0.5);
  add("latency p90", 0.9);
  add("latency p99", 0.99);
  add("latency max", 1);
  result.figures.push_back({"requests to services",
                            static_cast<double>(on.services().requests()),
                            unit::count});
  add_cost(result.figures, "CPU of the node", volume.events, end->used);
  return result;
}

caf::expected<finding> run_recovery(const bench_frame& frame,
                                    const bench_volume& volume) {
  auto setup = setup_of(frame, volume, true);
  setup.services = 1;
  setup.lanes = single_lanes;
  setup.stay_down = true;
  auto opened = rig::open(setup, frame.mould, frame.shown, frame.stopped);
  if (!opened)
    return std::move(opened.error());
  auto& on = **opened;
  frame.shown.begin("w4: piling up");
  load what;
  what.lanes = setup.lanes;
  what.events = volume.events;
  what.batch = 1;
  auto sent = on.send(what);
  if (!sent)
    return std::move(sent.error());
  if (auto why = on.await_pending(0, volume.events))
    return why;
  const auto arrival = on.take_cost();
  frame.shown.begin("w4: recovering");
  if (auto why = on.services().listen())
    return why;
  const auto retried = steady_ns();
  if (auto why = on.node().retry(service_id(0)))
    return why;
  auto end = see_through(on, **sent, volume.events);
  if (!end)
    return std::move(end.error());
  const auto& to = on.services();
  finding result;
  result.about = count(volume.events, "event") + " that came one by one over "
                 + count(setup.lanes, "connection")
                 + " while the service was down; then it is up and retried";
  result.figures = {
    rate_figure("recovered", volume.events,
                seconds(to.first_ns(), to.newest_ns())),
    {"requests to services", static_cast<double>(to.requests()), unit::count},
    {"retry to first request", 1'000 * seconds(retried, to.first_ns()),
     unit::milliseconds},
    rate_figure("acked singles", volume.events,
                seconds((*sent)->first_ns(), (*sent)->newest_ns())),
    {"CPU of the node, arrival",
     arrival.cpu_seconds * 1e6 / static_cast<double>(volume.events),
     unit::ms_per_1000_events}};
  add_cost(result.figures, "CPU of the node, recovery", volume.events,
           end->used);
  return result;
}

} // namespace posthorn::bench
