// SPDX-License-Identifier: Apache-2.0
// The workloads of `posthorn bench`. Each starts a node of its own and answers
// figures only when everything that was sent has arrived once, in order and
// unaltered; otherwise an error that says what was wrong.
#pragma once

#include "apps/posthorn/bench/finding.hpp"
#include "apps/posthorn/bench/rig.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace posthorn::bench {

/// What all workloads share.
struct bench_frame {
  const event_mould& mould;
  progress& shown;
  /// Whether to give up.
  std::function<bool()> stopped;
  /// A directory for the node of this workload.
  std::filesystem::path directory;
  std::chrono::milliseconds poll_interval{1'000};
  /// None: as the workload says.
  std::optional<bool> wake_on_arrival;
};

/// How much is sent.
struct bench_volume {
  std::uint64_t events = 0;
  /// Connections of the feed.
  std::size_t connections = 4;
  std::size_t services = 1;
  /// Events of a feed transaction.
  std::size_t batch = 100;
  /// Events that wait in the store for other services, which are down.
  std::uint64_t backlog = 0;
};

/// Throughput with services that are up: from the first request of the feed to
/// the last event accepted. W1 with one service, W2 with many; with a backlog
/// behind it, growth.
caf::expected<finding> run_throughput(const bench_frame& frame,
                                      const bench_volume& volume,
                                      bool addressed);

/// W3: single events at a fixed rate, from the instant when each was due to its
/// arrival. Each service has a connection of the feed.
caf::expected<finding> run_latency(const bench_frame& frame,
                                   const bench_volume& volume, double rate);

/// W4: single events pile up for a service that is down; then it is up and is
/// retried. From the first request that it gets to the last event accepted.
caf::expected<finding> run_recovery(const bench_frame& frame,
                                    const bench_volume& volume);

/// How many services of `many` are up.
inline constexpr std::size_t many_up = 100;

/// Many services: what they cost while nothing happens, for `idle`; and how
/// soon the first delivery comes when a node starts with an event for each.
/// Those after the first many_up are never up.
caf::expected<finding> run_many(const bench_frame& frame,
                                const bench_volume& volume,
                                std::chrono::milliseconds idle);

} // namespace posthorn::bench
