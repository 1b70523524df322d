// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/bench/bench.hpp"

#include "apps/posthorn/bench/workloads.hpp"
#include "apps/posthorn/config/quantity.hpp"
#include "apps/posthorn/version.hpp"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>

namespace posthorn {

namespace {

namespace fs = std::filesystem;
using namespace bench;
using nlohmann::json;

constexpr double latency_rate = 1'000;

/// Each service needs a socket here and one in the node, whose limit on
/// descriptors is this program's.
constexpr std::size_t services_max = 400;
/// Of many, where most share a port and are not connected.
constexpr std::size_t many_services_max = 10'000;
constexpr std::size_t connections_max = 400;
constexpr std::size_t batch_max = 1'000;
constexpr std::size_t event_bytes_max = 65'000;
constexpr std::uint64_t events_max = 100'000'000;

volatile sig_atomic_t interrupted = 0;

void interrupt(int) {
  interrupted = 1;
}

/// SIGINT and SIGTERM end the measurement in order, for as long as it lives.
class interruptible {
public:
  interruptible() {
    struct sigaction action {};

    action.sa_handler = interrupt;
    for (std::size_t i = 0; i < signals.size(); ++i)
      ::sigaction(signals[i], &action, &before_[i]);
  }

  interruptible(const interruptible&) = delete;
  interruptible& operator=(const interruptible&) = delete;

  ~interruptible() {
    for (std::size_t i = 0; i < signals.size(); ++i)
      ::sigaction(signals[i], &before_[i], nullptr);
  }

private:
  static constexpr std::array<int, 2> signals{SIGINT, SIGTERM};
  std::array<struct sigaction, 2> before_{};
};

/// Where the measurement works: removed with its owner unless it is to stay.
class work_place {
public:
  caf::error open(const std::string& keep) {
    std::error_code failed;
    if (!keep.empty()) {
      path = keep;
      fs::create_directories(path, failed);
      if (!failed && !fs::is_empty(path, failed) && !failed)
        return fault(ec::bad_config, keep + ": the directory is not empty");
    } else {
      auto name
        = (fs::temp_directory_path(failed) / "posthorn-bench-XXXXXX").string();
      if (!failed && ::mkdtemp(name.data()) == nullptr)
        failed = {errno, std::generic_category()};
      path = name;
      removed_ = true;
    }
    if (failed)
      return fault(ec::bad_config, "no directory to work in at " + path.string()
                                     + ": " + failed.message());
    return caf::none;
  }

  work_place() = default;
  work_place(const work_place&) = delete;
  work_place& operator=(const work_place&) = delete;

  ~work_place() {
    if (removed_)
      clear();
  }

  /// Gives back what a workload has written.
  void done_with(const fs::path& what) const {
    std::error_code ignored;
    if (removed_)
      fs::remove_all(what, ignored);
  }

  fs::path path;

private:
  void clear() const {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }

  bool removed_ = false;
};

/// One thing to run: its name, and how.
struct task {
  std::string name;
  std::function<caf::expected<finding>(const bench_frame&)> run;
  std::optional<bool> wake_on_arrival;
};

std::optional<std::string> wrong_usage(const bench_options& options) {
  const auto bounded = [](const char* name, std::uint64_t value,
                          std::uint64_t least, std::uint64_t most) {
    std::optional<std::string> result;
    if (value < least || value > most)
      result = std::string{name} + " must be from " + std::to_string(least)
               + " to " + std::to_string(most);
    return result;
  };
  const auto& names = options.workloads;
  const bool only_many
    = std::all_of(names.begin(), names.end(),
                  [](const auto& each) { return each == "many"; });
  for (const auto& each :
       {bounded("--events", options.events.value_or(1), 1, events_max),
        bounded("--connections", options.connections, 1, connections_max),
        bounded("--services", options.services.value_or(1), 1,
                only_many ? many_services_max : services_max),
        bounded("--batch", options.batch, 1, batch_max),
        bounded("--event-bytes", options.event_bytes, event_mould::bytes_min,
                event_bytes_max),
        bounded("--backlog", options.backlog.value_or(1), 1, events_max)})
    if (each)
      return each;
  if (!parse_duration(options.poll_interval))
    return "--poll-interval must be a duration such as 250ms or 1s, not '"
           + options.poll_interval + "'";
  return std::nullopt;
}

std::vector<task> tasks_of(const bench_options& options) {
  const auto& names = options.workloads;
  const auto wanted = [&](const std::string& name) {
    return std::any_of(names.begin(), names.end(), [&](const auto& each) {
      return each == name || each == "all";
    });
  };
  const auto volume = [&](std::uint64_t events, std::uint64_t few,
                          std::size_t services) {
    bench_volume result;
    result.events = options.events.value_or(options.short_run ? few : events);
    result.connections = options.connections;
    result.services = services;
    result.batch = options.batch;
    return result;
  };
  const auto throughput = [](const bench_volume& how, bool addressed) {
    return [how, addressed](const bench_frame& frame) {
      return run_throughput(frame, how, addressed);
    };
  };
  std::vector<task> result;
  if (wanted("w1"))
    result.push_back(
      {"w1", throughput(volume(200'000, 5'000, 1), true), std::nullopt});
  if (wanted("w2")) {
    const auto how = volume(200'000, 5'000, options.services.value_or(100));
    result.push_back({"w2-catch-all", throughput(how, false), std::nullopt});
    result.push_back({"w2-addressed", throughput(how, true), std::nullopt});
  }
  if (wanted("w3")) {
    auto how = volume(10'000, 1'000, options.services.value_or(10));
    how.connections = how.services;
    const auto latency = [how](const bench_frame& frame) {
      return run_latency(frame, how, latency_rate);
    };
    result.push_back({"w3-arrival", latency, true});
    result.push_back({"w3-poll", latency, false});
  }
  if (wanted("w4")) {
    const auto how = volume(100'000, 3'000, 1);
    result.push_back(
      {"w4",
       [how](const bench_frame& frame) { return run_recovery(frame, how); },
       std::nullopt});
  }
  if (wanted("growth")) {
    auto how = volume(200'000, 5'000, 1);
    how.backlog
      = options.backlog.value_or(options.short_run ? 10'000 : 1'000'000);
    result.push_back({"growth", throughput(how, true), std::nullopt});
  }
  if (wanted("many")) {
    const auto how = volume(
      0, 0, options.services.value_or(options.short_run ? 200 : 10'000));
    const std::chrono::milliseconds idle{options.short_run ? 1'000 : 10'000};
    result.push_back({"many",
                      [how, idle](const bench_frame& frame) {
                        return run_many(frame, how, idle);
                      },
                      std::nullopt});
  }
  return result;
}

/// What was measured.
struct measured {
  raw_rates raw;
  std::vector<finding> findings;
};

caf::error measure(const bench_options& options, const work_place& place,
                   progress& shown, measured& into) {
  const event_mould mould{options.event_bytes};
  const auto raw_events = options.short_run ? 5'000 : 200'000;
  shown.begin("plain LMDB and plain HTTP");
  auto raw = measure_raw(place.path, mould, raw_events, options.batch);
  if (!raw)
    return std::move(raw.error());
  into.raw = *raw;
  for (const auto& each : tasks_of(options)) {
    shown.begin(each.name + ": starting a node");
    bench_frame frame{mould,
                      shown,
                      [] { return interrupted != 0; },
                      place.path / each.name,
                      *parse_duration(options.poll_interval),
                      each.wake_on_arrival ? each.wake_on_arrival
                                           : options.wake_on_arrival};
    auto found = each.run(frame);
    place.done_with(frame.directory);
    if (!found)
      return fault(ec::store_corrupt,
                   each.name + ": " + text_of(found.error()));
    found->workload = each.name;
    into.findings.push_back(std::move(*found));
  }
  return caf::none;
}

json to_json(const measured& what, const caf::error& failed, double load) {
  json workloads = json::array();
  for (const auto& each : what.findings)
    workloads.push_back(to_json(each, what.raw));
  return {{"version", version},
          {"ok", !failed},
          {"error", failed ? json(text_of(failed)) : json(nullptr)},
          {"cpus", std::thread::hardware_concurrency()},
          {"load_before", load},
          {"plain_events_per_second", to_json(what.raw)},
          {"workloads", std::move(workloads)}};
}

} // namespace

int run_bench(const bench_options& options, std::ostream& out,
              std::ostream& err) {
  if (const auto wrong = wrong_usage(options)) {
    err << *wrong << '\n';
    return 2;
  }
  double load = 0;
  ::getloadavg(&load, 1);
  const interruptible guard;
  work_place place;
  measured found;
  caf::error failed = place.open(options.keep);
  if (!failed) {
    progress shown{err, ::isatty(STDERR_FILENO) == 1};
    failed = measure(options, place, shown, found);
  }
  if (options.json) {
    out << to_json(found, failed, load).dump(2) << '\n';
  } else if (!found.findings.empty()) {
    out << "Load of the machine before: " << load << " on "
        << std::thread::hardware_concurrency() << " CPUs\n";
    print(out, found.raw, found.findings);
  }
  if (failed)
    err << "posthorn bench: " << text_of(failed) << '\n';
  return failed ? 1 : 0;
}

} // namespace posthorn
