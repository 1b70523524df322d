// SPDX-License-Identifier: Apache-2.0
// All outgoing HTTP: one thread, one libcurl multi loop.
#pragma once

#include "messages/errors.hpp"
#include "messages/exchange.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace posthorn {

class http_loop;

/// Limits of an http_client.
struct http_client_options {
  /// Connections open at once, busy and idle together; idle ones make room for
  /// new ones, and exchanges beyond wait for a place while their deadline runs.
  /// 0: half of the descriptors that the process may open (RLIMIT_NOFILE), read
  /// when the client is opened.
  std::uint32_t connections_max = 0;
  /// A connection that falls idle while more than this many are open makes the
  /// longest idle one close. 0: half of connections_max, but at most 1,024.
  std::uint32_t keep_alive_max = 0;
  /// PEM file of the authorities to trust in https. Empty: the platform's.
  std::string ca_file;
};

/// What is called when an exchange has ended.
using answered = std::function<void(answer_ptr)>;

/// Makes HTTP requests for the whole node. Nothing in it waits: thousands of
/// exchanges can be open, and one that hangs costs the others nothing.
///
/// What it guarantees of each exchange:
/// - It ends, at the latest at exchange::timeout after start(), whatever the
///   peer does, and `done` is called exactly once.
/// - No redirect is followed, no proxy is used, no cookie kept; HTTP/1.1 only;
///   https is verified against the authorities of the platform.
/// - Connections are kept and reused. One on which an exchange did not end well
///   is closed, so that a late answer cannot be taken for the next one's. A
///   request is sent a second time only when a reused connection turns out to
///   have been closed by the peer before it answered anything: the same bytes,
///   one at a time.
/// - An answer has at most exchange::answer_max bytes, 64 KiB of headers and
///   200 header lines; what is larger ends as outcome::broken.
/// - outcome::unreachable means that nothing was sent: name not found, refused,
///   TLS failed, or no connection within exchange::connect_timeout. After that
///   point it is timed_out or broken.
/// - The token stands in the Authorization header only, never in
///   answer::detail.
///
/// The number of open exchanges is not limited here: callers hold one open for
/// each service.
class http_client {
public:
  /// Makes the client and starts its thread. Errors: bad_config when `ca_file`
  /// cannot be read, overloaded when the system has no descriptor or thread
  /// left.
  static caf::expected<std::unique_ptr<http_client>>
  open(http_client_options options = {});

  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;

  /// As stop().
  ~http_client();

  /// Starts an exchange. May be called from any thread, `done` included.
  ///
  /// `done` runs on the client's thread and must neither block nor throw.
  /// After stop() it runs at once on the calling thread, with a cancelled
  /// answer.
  void start(exchange_ptr what, answered done);

  /// Ends all open exchanges as broken ("cancelled: ..."), then the thread, and
  /// waits for it, unless called from a `done`. May be called again.
  void stop();

private:
  http_client(std::shared_ptr<http_loop> loop, std::thread thread);

  std::shared_ptr<http_loop> loop_;
  std::thread thread_;
};

} // namespace posthorn
