// SPDX-License-Identifier: Apache-2.0
// Sockets on the loopback interface, and the clock that both ends read.
#pragma once

#include "messages/errors.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace posthorn::bench {

/// A file descriptor that is closed with its owner.
class descriptor {
public:
  descriptor() = default;

  explicit descriptor(int fd) : fd_{fd} {}

  descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}

  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  ~descriptor();

  int get() const {
    return fd_;
  }

private:
  int fd_ = -1;
};

/// A socket that has a port of its own. Until it listens, whoever connects is
/// refused.
struct bound_socket {
  descriptor fd;
  std::uint16_t port = 0;
};

/// Binds a free port of 127.0.0.1. Errors: bad_address.
caf::expected<bound_socket> bind_loopback();

/// Lets others connect, and makes accept() never wait. Errors: bad_address.
caf::error listen_on(const bound_socket& socket);

/// Connects to a port of 127.0.0.1; the descriptor never waits and sends at
/// once. Errors: bad_address.
caf::expected<descriptor> connect_loopback(std::uint16_t port);

/// Sets O_NONBLOCK and TCP_NODELAY.
void tune_connection(int fd);

/// An epoll instance and one descriptor of it. Errors: overloaded.
caf::expected<descriptor> make_epoll();

/// Has `poll` report readiness of `fd` for `events` with `tag`. Errors:
/// overloaded.
caf::error watch(const descriptor& poll, int fd, std::uint32_t events,
                 std::uint64_t tag);

/// As watch(), for a descriptor that is watched already.
caf::error watch_again(const descriptor& poll, int fd, std::uint32_t events,
                       std::uint64_t tag);

/// An error whose text ends with what errno says.
caf::error os_fault(ec code, const std::string& doing);

/// The steady clock (CLOCK_MONOTONIC) in ns.
std::uint64_t steady_ns();

} // namespace posthorn::bench
