// SPDX-License-Identifier: Apache-2.0
// A node between a generator and receivers, watched while it works.
#pragma once

#include "apps/posthorn/bench/generator.hpp"
#include "apps/posthorn/bench/node_process.hpp"
#include "apps/posthorn/bench/progress.hpp"
#include "apps/posthorn/bench/receivers.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

namespace posthorn::bench {

/// What a rig is made of.
struct rig_setup {
  /// For the node's files; made if it is not there.
  std::filesystem::path directory;
  /// Services 0, 1, ... whose deliveries are received and checked.
  std::size_t services = 1;
  /// Services after those that are never up, each on a port of its own or,
  /// since ports are few, all on one.
  std::size_t dead_services = 0;
  bool dead_on_one_port = false;
  /// Connections of the loads whose deliveries are checked.
  std::size_t lanes = 4;
  bool catch_all = false;
  bool wake_on_arrival = true;
  std::chrono::milliseconds poll_interval{1'000};
  /// Long enough that a service that is down is not tried again by itself.
  bool stay_down = false;
};

/// What a node has cost while it was watched.
struct cost {
  double cpu_seconds = 0;
  std::uint64_t peak_resident_bytes = 0;
  std::uint64_t peak_anonymous_bytes = 0;
};

/// One node, its services, and the loads that are sent to it. All waiting ends
/// with an error when something is wrong: a check failed, a request was
/// refused, the node ended, nothing moved for half a minute, or `stopped`
/// answers true.
class rig {
public:
  /// Starts the node; the services are down.
  static caf::expected<std::unique_ptr<rig>>
  open(const rig_setup& setup, const event_mould& mould, progress& shown,
       std::function<bool()> stopped);

  receivers& services() {
    return *services_;
  }

  node_process& node() {
    return *node_;
  }

  /// Sends `what` and waits until all of it was taken in. The service numbers
  /// of `what` decide whether it is checked.
  caf::expected<std::unique_ptr<generator>> send(load what);

  /// Waits until so many events have been delivered.
  caf::error await_delivery(std::uint64_t events);

  /// Waits until the node's admin API says that so many events wait for a
  /// service.
  caf::error await_pending(std::size_t service, std::uint64_t events);

  /// Stops the node and starts it on what it has stored; returns when it is
  /// ready. Answers when the process was started, by steady_ns().
  caf::expected<std::uint64_t> restart();

  /// Lets time pass. Errors as for all waiting.
  caf::error idle(std::chrono::milliseconds span);

  /// Of the node since it became ready; processor time since the last call.
  cost take_cost();

  /// Stops the node and compares what was delivered with what was sent.
  caf::expected<const ledger*> finish(const generator& sent);

private:
  rig(const event_mould& mould, progress& shown, std::function<bool()> stopped);

  /// Waits until `reached` is; `moved` must change all the while.
  caf::error wait(const std::function<bool()>& reached,
                  const std::function<std::uint64_t()>& moved);
  void sample();

  const event_mould& mould_;
  progress& shown_;
  std::function<bool()> stopped_;
  std::unique_ptr<receivers> services_;
  std::vector<bound_socket> dead_;
  std::unique_ptr<node_process> node_;
  double cpu_before_ = 0;
  std::uint64_t peak_anonymous_bytes_ = 0;
};

} // namespace posthorn::bench
