// SPDX-License-Identifier: Apache-2.0
// The node under test: this same program as a child process.
#pragma once

#include "messages/errors.hpp"

#include <caf/expected.hpp>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace posthorn::bench {

/// How the node is configured.
struct node_setup {
  /// Where its files are; it must be there and empty.
  std::filesystem::path directory;
  /// Ports on 127.0.0.1 of the services, by number.
  std::vector<std::uint16_t> services;
  /// Whether there is a catch-all feed, too.
  bool catch_all = false;
  bool wake_on_arrival = true;
  std::chrono::milliseconds poll_interval{1'000};
  /// First pause after a failure.
  std::chrono::milliseconds initial_backoff{2'000};
};

/// What the process has used.
struct node_usage {
  /// User and system time.
  double cpu_seconds = 0;
  /// Resident memory in bytes: the most there was (VmHWM; pages of the store
  /// that are mapped count), and the anonymous part now (RssAnon).
  std::uint64_t peak_resident_bytes = 0;
  std::uint64_t anonymous_bytes = 0;
};

/// A running node.
class node_process {
public:
  /// Writes the node's files, starts it and waits until it is ready; `stopped`
  /// is asked meanwhile whether to give up. Errors: bad_config (a file cannot
  /// be written), overloaded (no process), bad_address (it ended or did not get
  /// ready; with the last lines of its log).
  static caf::expected<std::unique_ptr<node_process>>
  start(const node_setup& setup, const std::function<bool()>& stopped);

  node_process(const node_process&) = delete;
  node_process& operator=(const node_process&) = delete;

  /// Kills it if it still runs.
  ~node_process();

  std::uint16_t feed_port() const {
    return feed_port_;
  }

  /// Whether it has ended by itself.
  caf::error ended();

  /// Asks for an attempt at a service that is DOWN, through the admin API.
  caf::error retry(const std::string& id) const;

  /// How many events wait for a service, by the admin API.
  caf::expected<std::uint64_t> pending(const std::string& id) const;

  node_usage usage() const;

  /// Starts it once more after stop(), on the same files, and waits until it
  /// is ready. Errors as for start().
  caf::error start_again(const std::function<bool()>& stopped);

  /// SIGTERM, and waits until it has ended. Errors: bad_address (it did not end
  /// in time, or not with 0).
  caf::error stop();

private:
  explicit node_process(std::filesystem::path directory);

  caf::error write_files(const node_setup& setup);
  caf::error launch();
  caf::error await_ready(const std::function<bool()>& stopped);
  std::string log_tail() const;

  std::filesystem::path directory_;
  std::uint16_t feed_port_ = 0;
  std::uint16_t admin_port_ = 0;
  pid_t pid_ = -1;
};

} // namespace posthorn::bench
