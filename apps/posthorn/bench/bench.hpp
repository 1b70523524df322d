// SPDX-License-Identifier: Apache-2.0
// `posthorn bench`.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace posthorn {

struct bench_options {
  /// w1, w2, w3, w4, growth, many; or all.
  std::vector<std::string> workloads{"all"};
  /// None: as many as the workload is defined with.
  std::optional<std::uint64_t> events;
  std::size_t connections = 4;
  /// Of W2, W3 and many. None: 100, 10 and 10,000.
  std::optional<std::size_t> services;
  std::size_t batch = 100;
  /// Bytes of each event; 580 is what a text message has in Synapse's
  /// transactions.
  std::size_t event_bytes = 580;
  /// Of growth: events of other services that wait in the store. None:
  /// 1,000,000.
  std::optional<std::uint64_t> backlog;
  bool json = false;
  /// Everything, with few events: in a few seconds, for a test.
  bool short_run = false;
  /// A directory to work in, which stays. Empty: one that is removed.
  std::string keep;
  /// As in posthorn.yaml.
  std::string poll_interval = "1s";
  /// None: true where the workload is defined so.
  std::optional<bool> wake_on_arrival;
};

/// Measures the workloads, each with a node of its own on free ports of the
/// loopback interface, and what the disk and the network can do without a node.
/// Figures go to `out` (a table or JSON), progress and errors to `err`. Returns
/// the exit code: 0; 1 when something failed (a workload whose check failed
/// shows no figures); 2 for options that make no sense.
int run_bench(const bench_options& options, std::ostream& out,
              std::ostream& err);

} // namespace posthorn
