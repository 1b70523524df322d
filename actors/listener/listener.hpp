// SPDX-License-Identifier: Apache-2.0
// A HTTP/1.1 server that may face a network: hard limits, no thread per
// connection, nobody waits for a slow client.
#pragma once

#include "actors/listener/listener_limits.hpp"

#include <caf/expected.hpp>
#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace posthorn {

namespace inbound {
class reactor;
} // namespace inbound

/// Answers one request. Called on a worker thread, for many requests at once;
/// may block. The request is complete and may be taken apart (its body moved
/// away). Of its members these are filled: method, target (as it came), path
/// (decoded as a whole; split_path() on target keeps encoded slashes apart),
/// params, headers (without those between the hops), body, remote_addr
/// ("unix" for a Unix socket) and remote_port. What it throws is answered 500.
using http_handler = std::function<void(httplib::Request&, httplib::Response&)>;

/// A listening server. One thread reads and frames all connections; complete
/// requests go to a pool of worker threads that grows and shrinks. Answers of
/// one connection come in the order of its requests.
class listener {
public:
  explicit listener(std::unique_ptr<inbound::reactor> reactor);

  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  /// As stop() with a grace of five seconds.
  ~listener();

  /// The TCP port that is listened on; 0 for a Unix socket.
  std::uint16_t port() const;

  /// Closes the listening sockets, once what waits in their backlog is
  /// accepted. Open connections go on, each until its next answer, which says
  /// `Connection: close`.
  void stop_accepting();

  /// Stops accepting, closes connections without a request, lets requests that
  /// have begun be read and answered for at most `grace`, then closes the rest.
  /// Returns when no thread is left: a handler that is running is waited for,
  /// however long it takes.
  void stop(std::chrono::milliseconds grace = std::chrono::seconds{5});

  const listener_counters& counters() const;

private:
  std::unique_ptr<inbound::reactor> reactor_;
};

/// Listens on `address` and serves from the moment it returns:
/// - "host:port", "[::1]:port"; "*:port" or ":port" for all interfaces, port 0
///   for any that is free;
/// - "unix:/path": mode 0600; a socket file that nobody listens on is replaced;
/// - "fd:N": a listening socket that was inherited;
/// - "systemd" or "systemd:NAME": the first socket that systemd passed, or the
///   one of that name (sd_listen_fds(3)).
/// `reuse_port` sets SO_REUSEPORT, so that several processes may share a port.
/// Errors: bad_address, with the address and the reason.
caf::expected<std::unique_ptr<listener>> listen(const std::string& address,
                                                const listener_limits& limits,
                                                http_handler handler,
                                                bool reuse_port = false);

} // namespace posthorn
