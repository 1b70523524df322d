// SPDX-License-Identifier: Apache-2.0
// The application services of a load test: one thread answers for all of them
// and checks what comes.
#pragma once

#include "apps/posthorn/bench/ledger.hpp"
#include "apps/posthorn/bench/loopback.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace posthorn::bench {

/// Services, each on a port of its own. They are down, which means that
/// connections are refused, until listen().
class receivers {
public:
  /// `lanes` as in ledger. Errors: bad_address, overloaded.
  static caf::expected<std::unique_ptr<receivers>>
  open(const event_mould& mould, std::size_t services, std::size_t lanes);

  receivers(const receivers&) = delete;
  receivers& operator=(const receivers&) = delete;

  /// Ends the thread and closes all connections.
  ~receivers();

  std::uint16_t port(std::size_t service) const {
    return sockets_[service].port;
  }

  /// From now on the services are up. Once. Errors: bad_address, overloaded.
  caf::error listen();

  /// Ends the thread; then the ledger is at rest.
  const ledger& finish();

  /// What has been received so far; for any thread.
  std::uint64_t events() const {
    return events_;
  }

  std::uint64_t requests() const {
    return requests_;
  }

  /// When the first request was there, and the newest, by steady_ns(); 0
  /// before.
  std::uint64_t first_ns() const {
    return first_ns_;
  }

  std::uint64_t newest_ns() const {
    return newest_ns_;
  }

  /// What was wrong with what came; none while all is right.
  caf::error failure() const;

private:
  struct connection {
    descriptor fd;
    std::uint16_t service = 0;
    std::vector<char> bytes;
    std::size_t filled = 0;
    /// Of the request that is coming in; 0 while its head is not whole.
    std::size_t wanted = 0;
  };

  receivers(const event_mould& mould, std::size_t services, std::size_t lanes);

  void run();
  void admit(std::size_t service);

  /// Takes what has come; answers false when the connection is to be closed.
  bool read(connection& from);
  bool take_requests(connection& from);
  bool answer(connection& to);
  void fail(std::string why);

  std::vector<bound_socket> sockets_;
  descriptor poll_;
  std::vector<std::unique_ptr<connection>> connections_;
  ledger ledger_;
  std::atomic<std::uint64_t> events_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> first_ns_{0};
  std::atomic<std::uint64_t> newest_ns_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  std::string failure_;
  std::thread thread_;
};

} // namespace posthorn::bench
